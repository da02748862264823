// What would be sent of a finding to a language model, to the last character, before anything is.
import { api } from "../core/api";
import { t } from "../core/i18n";
import { useResource } from "../core/resource";
import type { SummaryPreview } from "../generated/schemas";
import { Dialog } from "../ui/dialog";
import { Failure, Loading } from "../ui/parts";
import { Text } from "../ui/text";

function Sent({ of }: { of: SummaryPreview }) {
  return (
    <>
      <p>
        {of.enabled ? <>{t("model.goesTo")} <strong><Text of={of.host} mono /></strong>, <Text of={of.model} mono />.</>
          : t("model.goesNowhere")}{" "}
        {t("model.sentHelp")}
      </p>
      <dl class="facts model-sent">
        {of.facts.map((fact) => (
          <div key={fact.id}>
            <dt class="mono"><Text of={fact.id} /></dt>
            <dd><Text of={fact.value} mono />{" "}
              {fact.redacted && <span class="tag">{t("model.redacted")}</span>}{" "}
              {fact.cut && <span class="tag">{t("model.cut")}</span>}</dd>
          </div>
        ))}
      </dl>
      {of.more && <p class="faint">{t("model.more")}</p>}
      <details><summary>{t("model.whole")}</summary>
        <h3>{t("model.system")}</h3><pre class="raw" tabIndex={0} aria-label={t("model.system")}><Text of={of.system} /></pre>
        <h3>{t("model.user")}</h3><pre class="raw" tabIndex={0} aria-label={t("model.user")}><Text of={of.user} /></pre>
      </details>
    </>
  );
}

export function Preview({ of, tag, onClose }: { of: string; tag: string; onClose: () => void }) {
  const sent = useResource(`sent ${of} ${tag}`, (signal) =>
    api("GET /v1/findings/{id}/summaries/preview", { path: { id: of }, query: { language: tag }, signal }));
  return (
    <Dialog wide title={t("model.whatLeaves")} onClose={onClose}>
      {sent.data ? <Sent of={sent.data} />
        : sent.error !== undefined ? <Failure error={sent.error} retry={sent.reload} /> : <Loading />}
    </Dialog>
  );
}
