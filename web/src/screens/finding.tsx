// A finding on a page of its own: what a link in a message leads to.
import { FindingBody, useFinding } from "./finding-body";
import { t } from "../core/i18n";

export default function FindingPage({ id }: { id: string }) {
  const finding = useFinding(id);
  return (
    <article class="finding-page">
      <p><a href="/findings">← {t("findings.title")}</a></p>
      <h1>{t("finding.title")}</h1>
      <FindingBody finding={finding} onChange={() => undefined} />
    </article>
  );
}
