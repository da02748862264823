// The looks of the editor. It lives in a shadow root, where its styles are adopted style sheets: the page's policy
// allows no others. Custom properties of the theme reach in there.
import { EditorView } from "@codemirror/view";

const kinds = ["keyword", "operator", "field", "function", "text", "number", "key", "comment", "variable"] as const;
const COLOUR: Record<(typeof kinds)[number], string> = {
  keyword: "keyword", operator: "operator", field: "field", function: "operator", text: "value", number: "value", key: "key",
  comment: "", variable: "field",
};
const BOLD: ReadonlySet<string> = new Set(["keyword", "key"]);

const words = Object.fromEntries(kinds.map((kind) => [`.c-${kind}`, {
  color: COLOUR[kind] ? `var(--syntax-${COLOUR[kind]})` : "var(--faint)",
  ...(BOLD.has(kind) ? { fontWeight: "600" } : {}),
}]));

export const looks = EditorView.theme({
  "&": {
    color: "var(--text)", backgroundColor: "var(--surface)", border: "1px solid var(--line-strong)", borderRadius: "8px",
    fontSize: "13px", minHeight: "22rem", maxHeight: "calc(100vh - 19rem)",
  },
  "&.cm-focused": { outline: "none" },
  ".cm-scroller": { fontFamily: "var(--mono)", lineHeight: "1.65", minHeight: "22rem" },
  ".cm-content, .cm-gutter": { minHeight: "calc(22rem - 2px)" },
  ".cm-content": { caretColor: "var(--text)", padding: ".5rem 0" },
  ".cm-cursor": { borderLeftColor: "var(--text)" },
  ".cm-gutters": { backgroundColor: "var(--sunk)", color: "var(--faint)", border: "0", borderRight: "1px solid var(--line)",
    borderRadius: "8px 0 0 8px" },
  ".cm-activeLine": { backgroundColor: "color-mix(in srgb, var(--accent) 6%, transparent)" },
  ".cm-activeLineGutter": { backgroundColor: "transparent", color: "var(--text)", fontWeight: "600" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground, .cm-content ::selection": {
    backgroundColor: "color-mix(in srgb, var(--accent) 26%, transparent) !important" },
  ".cm-tooltip": { backgroundColor: "var(--raised)", color: "var(--text)", border: "1px solid var(--line-strong)",
    borderRadius: "8px", boxShadow: "var(--shadow)", maxWidth: "min(34rem, 90vw)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul": { fontFamily: "var(--mono)", maxHeight: "16rem" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: ".2rem .5rem", lineHeight: "1.5" },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--accent)", color: "var(--on-accent)" },
  ".cm-completionDetail": { color: "inherit", fontStyle: "normal", opacity: ".85", marginLeft: "1rem" },
  ".cm-completionMatchedText": { textDecoration: "none", fontWeight: "700" },
  ".cm-completionIcon": { display: "none" },
  ".cm-completionInfo": { padding: ".5rem .7rem", fontFamily: "var(--sans)", lineHeight: "1.5", overflowWrap: "anywhere" },
  ".cm-diagnostic": { fontFamily: "var(--sans)", padding: ".35rem .6rem", whiteSpace: "pre-wrap" },
  ".cm-diagnostic-error": { borderLeft: "4px solid var(--critical-fill)" },
  ".cm-diagnostic-warning": { borderLeft: "4px solid var(--medium-fill)" },
  ".cm-lintRange": { backgroundImage: "none", textDecorationLine: "underline", textDecorationStyle: "wavy",
    textDecorationThickness: "1.5px", textUnderlineOffset: "4px" },
  ".cm-lintRange-error": { textDecorationColor: "var(--critical-fill)" },
  ".cm-lintRange-warning": { textDecorationColor: "var(--medium-fill)" },
  ".cm-specialChar": { color: "var(--bad)", backgroundColor: "var(--bad-ground)" },
  ".cm-lint-marker": { width: ".8em", height: ".8em" },
  ".cm-lint-marker-error": { content: "none", backgroundColor: "var(--critical-fill)", transform: "rotate(45deg)" },
  ".cm-lint-marker-warning": { content: "none", backgroundColor: "var(--medium-fill)",
    clipPath: "polygon(50% 0, 100% 100%, 0 100%)" },
  ...words,
});
