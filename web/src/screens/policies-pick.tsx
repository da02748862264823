// Choosing rules out of the library.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { bandOf } from "../core/policy";
import { useResource } from "../core/resource";
import { visibleText } from "../core/visible";
import type { DocumentSummary } from "../generated/schemas";
import { Dialog } from "../ui/dialog";
import { Button, Failure, Loading, Severity } from "../ui/parts";
import { Text } from "../ui/text";

const PAGE = 1000;
const SHOWN = 200;

/** All rules, however many pages they are. */
async function allRules(signal: AbortSignal): Promise<DocumentSummary[]> {
  const rules: DocumentSummary[] = [];
  let cursor: string | undefined;
  do {
    const page = await api("GET /v1/rules", { query: { limit: PAGE, cursor }, signal });
    rules.push(...page.items);
    cursor = page.next ?? undefined;
  } while (cursor !== undefined);
  return rules;
}

export function useRules() {
  return useResource<DocumentSummary[]>("all rules", allRules);
}

function fits(rule: DocumentSummary, words: string[]): boolean {
  const text = `${rule.name} ${rule.description ?? ""} ${(rule.tags ?? []).join(" ")}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

interface PickProps {
  without: ReadonlySet<string>;
  chosen: ReadonlySet<string>;
  onChange: (chosen: Set<string>) => void;
}

export function Pick({ without, chosen, onChange }: PickProps) {
  const rules = useRules();
  const [text, setText] = useState("");
  if (rules.error !== undefined && !rules.data) return <Failure error={rules.error} retry={rules.reload} />;
  if (!rules.data) return <Loading />;
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const fitting = rules.data.filter((rule) => !without.has(rule.name) && fits(rule, words));
  const toggle = (name: string) => {
    const next = new Set(chosen);
    if (!next.delete(name)) next.add(name);
    onChange(next);
  };
  return (
    <div class="pick-rules">
      <div class="inline">
        <input type="search" value={text} aria-label={t("policy.searchRules")} placeholder={t("policy.searchRules")}
          maxLength={200} onInput={(event) => setText(event.currentTarget.value)} />
        <span class="faint" role="status">{t("policy.addChosen", { count: chosen.size })}</span>
      </div>
      {fitting.length === 0 ? <p class="faint">{t("policy.addNone")}</p> : (
        <ul class="picks" tabIndex={0} aria-label={t("policy.rules")}>
          {fitting.slice(0, SHOWN).map((rule) => (
            <li key={rule.name}>
              <label>
                <input type="checkbox" checked={chosen.has(rule.name)} aria-label={visibleText(rule.name)}
                  onChange={() => toggle(rule.name)} />
                <span class="pick-name"><Text of={rule.name} />
                  {rule.description && <span class="faint one-line"><Text of={rule.description} /></span>}</span>
                {typeof rule.severity === "number" && <Severity band={bandOf(rule.severity)} score={rule.severity} />}
              </label>
            </li>
          ))}
          {fitting.length > SHOWN && <li class="faint">{t("list.previewMore", { count: fitting.length - SHOWN })}</li>}
        </ul>
      )}
    </div>
  );
}

export function AddRules({ without, onClose, onAdd }:
  { without: ReadonlySet<string>; onClose: () => void; onAdd: (names: string[]) => void }) {
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  return (
    <Dialog title={t("policy.addTitle")} onClose={onClose} wide>
      <Pick without={without} chosen={chosen} onChange={setChosen} />
      <div class="buttons">
        <Button onClick={onClose}>{t("action.cancel")}</Button>
        <Button kind="primary" disabled={chosen.size === 0} onClick={() => onAdd([...chosen])}>
          {t("policy.add", { count: chosen.size })}
        </Button>
      </div>
    </Dialog>
  );
}
