// The editor itself: CodeMirror, with the words of rules marked and the engine's complaints where they belong. Loaded
// when somebody edits.
import { acceptCompletion, autocompletion, completionKeymap, startCompletion } from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap, indentLess, indentMore } from "@codemirror/commands";
import { lintGutter, lintKeymap, setDiagnostics, type Diagnostic } from "@codemirror/lint";
import { EditorState, RangeSetBuilder, type Text } from "@codemirror/state";
import { Decoration, EditorView, highlightActiveLine, highlightActiveLineGutter, highlightSpecialChars, keymap, lineNumbers,
  ViewPlugin, type DecorationSet, type ViewUpdate } from "@codemirror/view";
import { t } from "../core/i18n";
import { marks } from "../core/rule-text";
import { said } from "../core/said";
import { visibleText } from "../core/visible";
import type { ContentComplete, ContentDiagnostic } from "../generated/schemas";
import { completing } from "./editor-complete";
import { looks } from "./editor-style";

/** Beside those that CodeMirror shows by itself. */
const UNSEEN = new RegExp("[\\u034f\\u115f\\u1160\\u17b4\\u17b5\\u180b-\\u180f\\u2000-\\u200f\\u2028-\\u202f\\u205f-\\u206f" +
  "\\u2800\\u3164\\ufe00-\\ufe0f\\uffa0]", "g");
/** Longer texts have no colours. */
const MOST = 200_000;

const decorations = new Map<string, Decoration>();

function decorationOf(kind: string): Decoration {
  const known = decorations.get(kind) ?? Decoration.mark({ class: `c-${kind}` });
  decorations.set(kind, known);
  return known;
}

function coloured(text: Text): DecorationSet {
  const builder = new RangeSetBuilder<Decoration>();
  if (text.length <= MOST) {
    for (const mark of marks(text.toString())) if (mark.to > mark.from) builder.add(mark.from, mark.to, decorationOf(mark.kind));
  }
  return builder.finish();
}

const colours = ViewPlugin.fromClass(class {
  decorations: DecorationSet;
  constructor(view: EditorView) {
    this.decorations = coloured(view.state.doc);
  }
  update(update: ViewUpdate) {
    if (update.docChanged) this.decorations = coloured(update.state.doc);
  }
}, { decorations: (plugin) => plugin.decorations });

/** The engine counts columns in bytes of UTF-8. */
function offsetOf(doc: Text, line: number, column: number): number {
  const found = doc.line(Math.min(Math.max(line, 1), doc.lines));
  let bytes = column - 1;
  let at = 0;
  for (const character of found.text) {
    if (bytes <= 0) break;
    const point = character.codePointAt(0) ?? 0;
    bytes -= point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    at += character.length;
  }
  return found.from + at;
}

function placed(doc: Text, found: ContentDiagnostic): Diagnostic {
  const from = offsetOf(doc, found.line ?? 1, found.column ?? 1);
  const line = doc.lineAt(from);
  const word = /^[^\s(),"'=]+|^./.exec(line.text.slice(from - line.from))?.[0].length ?? 0;
  return {
    from, to: from + word, severity: found.severity,
    message: visibleText(said(found.message)) + (found.hint ? `\n${visibleText(said(found.hint))}` : ""),
  };
}

export interface Handle {
  setText: (text: string) => void;
  setDiagnostics: (all: readonly ContentDiagnostic[]) => void;
  goTo: (line: number, column: number) => void;
  focus: () => void;
  destroy: () => void;
}

export interface Wanted {
  host: HTMLElement;
  text: string;
  label: string;
  described: string;
  known: () => ContentComplete | undefined;
  onChange: (text: string) => void;
  onSave: () => void;
}

/** What CodeMirror itself says, mostly to screen readers. */
function phrases(): Record<string, string> {
  return {
    "Completions": t("editor.says.completions"), "Control character": t("editor.says.control"),
    "Diagnostics": t("editor.diagnostics"), "No diagnostics": t("editor.good"), "close": t("action.close"),
  };
}

/** Text over a selection. A browser that replaces it itself may keep its looks in a style attribute: forbidden. */
function overSelection(event: InputEvent, view: EditorView): boolean {
  if (event.inputType !== "insertText" || event.data === null || event.isComposing) return false;
  if (view.state.selection.main.empty) return false;
  event.preventDefault();
  view.dispatch(view.state.replaceSelection(event.data), { userEvent: "input.type", scrollIntoView: true });
  return true;
}

function extensions(wanted: Wanted) {
  return [
    EditorView.domEventHandlers({ beforeinput: overSelection }),
    EditorState.phrases.of(phrases()),
    lineNumbers(), highlightActiveLine(), highlightActiveLineGutter(),
    highlightSpecialChars({ addSpecialChars: UNSEEN }), history(), lintGutter(),
    autocompletion({ override: [completing(wanted.known)], icons: false, maxRenderedOptions: 60 }), colours, looks,
    EditorView.lineWrapping,
    EditorView.contentAttributes.of({ "aria-label": wanted.label, "aria-description": wanted.described, spellcheck: "false" }),
    EditorView.updateListener.of((update) => { if (update.docChanged) wanted.onChange(update.state.doc.toString()); }),
    keymap.of([
      { key: "Mod-s", preventDefault: true, run: () => { wanted.onSave(); return true; } },
      { key: "Tab", run: acceptCompletion },
      { key: "Mod-]", run: indentMore }, { key: "Mod-[", run: indentLess }, { key: "Ctrl-Space", run: startCompletion },
      ...completionKeymap, ...defaultKeymap, ...historyKeymap, ...lintKeymap,
    ]),
  ];
}

export function open(wanted: Wanted): Handle {
  const root = wanted.host.shadowRoot ?? wanted.host.attachShadow({ mode: "open" });
  const state = EditorState.create({ doc: wanted.text, extensions: extensions(wanted) });
  const view = new EditorView({ root, parent: root, state });
  /** Keys of the editor are not shortcuts of the page. */
  const keep = (event: Event) => event.stopPropagation();
  wanted.host.addEventListener("keydown", keep);
  return {
    setText: (text) => view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } }),
    setDiagnostics: (all) => view.dispatch(setDiagnostics(view.state, all.map((one) => placed(view.state.doc, one)))),
    goTo: (line, column) => {
      view.dispatch({ selection: { anchor: offsetOf(view.state.doc, line, column) }, scrollIntoView: true });
      view.focus();
    },
    focus: () => view.focus(),
    destroy: () => {
      wanted.host.removeEventListener("keydown", keep);
      view.destroy();
    },
  };
}
