// The place of the editor: a plain text area until CodeMirror is loaded, or where it cannot be.
import { useEffect, useRef, useState } from "preact/hooks";
import { t } from "../core/i18n";
import type { ContentComplete, ContentDiagnostic } from "../generated/schemas";
import type { Handle } from "./editor-code";

interface Props {
  value: string;
  onChange: (text: string) => void;
  onSave: () => void;
  label: string;
  complete: ContentComplete | undefined;
  diagnostics: readonly ContentDiagnostic[];
  /** Called with what goes to a place, when the editor is there. */
  onReady?: (goTo: (line: number, column: number) => void) => void;
}

export function Editor(props: Props) {
  const host = useRef<HTMLDivElement>(null);
  const handle = useRef<Handle>();
  const shown = useRef(props.value);
  const latest = useRef(props);
  latest.current = props;
  const [ready, setReady] = useState(false);
  useEffect(() => {
    let gone = false;
    import("./editor-code").then(({ open }) => {
      if (gone || !host.current) return;
      shown.current = latest.current.value;
      handle.current = open({
        host: host.current, text: shown.current, label: latest.current.label, described: t("editor.keys"),
        known: () => latest.current.complete,
        onChange: (text) => { shown.current = text; latest.current.onChange(text); },
        onSave: () => latest.current.onSave(),
      });
      latest.current.onReady?.(handle.current.goTo);
      setReady(true);
    }, () => undefined);
    return () => { gone = true; handle.current?.destroy(); handle.current = undefined; };
  }, []);
  useEffect(() => { if (ready) handle.current?.setDiagnostics(props.diagnostics); }, [ready, props.diagnostics]);
  useEffect(() => {
    if (!ready || shown.current === props.value) return;
    shown.current = props.value;
    handle.current?.setText(props.value);
  }, [ready, props.value]);
  return (
    <div class="editor">
      {!ready && (
        <textarea class="editor-plain" aria-label={props.label} spellcheck={false} value={props.value}
          onInput={(event) => props.onChange(event.currentTarget.value)} />
      )}
      <div ref={host} class="editor-host" hidden={!ready} />
    </div>
  );
}
