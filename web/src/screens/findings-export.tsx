// The list as a file: the server writes it, the browser keeps it.
import { urlOf } from "../core/api";
import { queryOf, type FindingsView } from "../core/findings-view";
import { t } from "../core/i18n";
import { Menu } from "../ui/menu";
import { done, failedText } from "../ui/toasts";

const MOST = 1_000_000;
const FORMATS = ["csv", "ndjson", "falco"] as const;
type Format = (typeof FORMATS)[number];

export function exportUrl(view: FindingsView, format: Format): string {
  return urlOf("GET /v1/findings/export", { query: { ...queryOf(view), format } });
}

export function ExportMenu({ view, total }: { view: FindingsView; total: number }) {
  const save = (format: Format) => {
    if (total === 0 || total > MOST) {
      failedText(t(total === 0 ? "findings.exportNone" : "findings.exportMost", { count: MOST }));
      return;
    }
    const link = document.createElement("a");
    link.href = exportUrl(view, format);
    link.download = "";
    link.click();
    done(t("findings.exporting", { count: total }));
  };
  return (
    <Menu<Format> label={t("findings.export")} button={t("findings.export")} onChoose={save}
      choices={FORMATS.map((format) => ({ value: format, label: t(`findings.export.${format}`) }))} />
  );
}
