// Tokens: of programs that use the API, and of agents that enrol.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { useResource } from "../core/resource";
import { go, place, urlWith } from "../core/router";
import { may, me } from "../core/session";
import { now } from "../core/time";
import { visibleText } from "../core/visible";
import type { Tokens as Page } from "../generated/schemas";
import { Confirm } from "../ui/confirm";
import { Expires } from "../ui/expiry";
import { Button, Empty, Time } from "../ui/parts";
import { Text } from "../ui/text";
import { done } from "../ui/toasts";
import { Settings } from "./settings";
import { Enrolments } from "./settings-enrolments";
import { Asked, chosenOf, Pages, Pills, State, Table } from "./settings-parts";
import { NewToken } from "./settings-token-new";

type Token = Page["items"][number];

const KINDS = ["api", "enrolment"] as const;

export function tokenState(token: Token, at = now.value): "active" | "expired" | "revoked" {
  return token.revoked_ms !== null ? "revoked" : token.expires_ms <= at ? "expired" : "active";
}

function Used({ ms }: { ms: number | null }) {
  return ms === null ? <span class="faint">{t("settings.never")}</span> : <Time ms={ms} />;
}

function Row({ token, all, onRevoke }: { token: Token; all: boolean; onRevoke: (token: Token) => void }) {
  const state = tokenState(token);
  return (
    <tr>
      <td><Text of={token.name} /></td>
      {all && <td><Text of={token.user} /></td>}
      <td><ul class="tags">{token.permissions.map((one) => <li key={one} class="tag">{t(`scope.${one}`)}</li>)}</ul></td>
      <td><State kind={state === "active" ? "good" : "over"}>{t(`tokens.${state}`)}</State></td>
      <td class="nowrap"><Used ms={token.used_ms} /></td>
      <td class="nowrap"><Time ms={token.created_ms} /></td>
      <td class="nowrap"><Expires ms={token.expires_ms} /></td>
      <td class="right">{state === "active" && (
        <Button kind="quiet" onClick={() => onRevoke(token)}
          aria-label={t("tokens.revokeOne", { name: visibleText(token.name) })}>
          {t("tokens.revoke")}
        </Button>
      )}</td>
    </tr>
  );
}

function List({ page, all, onRevoke }: { page: Page; all: boolean; onRevoke: (token: Token) => void }) {
  const label = t("tokens.api");
  if (page.items.length === 0) return <Empty title="tokens.empty">{t("tokens.emptyHelp")}</Empty>;
  const rest = ["tokens.scopes", "settings.state", "tokens.used", "settings.made", "settings.expires",
    "settings.action"] as const;
  const columns = all ? ["settings.name", "tokens.maker", ...rest] as const : ["settings.name", ...rest] as const;
  return (
    <>
      <Table label={label} columns={columns}>
        {page.items.map((token) => <Row key={token.id} token={token} all={all} onRevoke={onRevoke} />)}
      </Table>
      <Pages label={label} next={page.next} />
    </>
  );
}

function ApiTokens({ making, onMade }: { making: boolean; onMade: () => void }) {
  const { query } = place.value;
  const cursor = query.get("cursor") ?? undefined;
  const all = may("admin") && query.get("all") === "true";
  const [revoking, setRevoking] = useState<Token>();
  const tokens = useResource(`tokens ${all} ${cursor}`, (signal) =>
    api("GET /v1/tokens", { query: { all: all ? "true" : undefined, limit: 100, cursor }, signal }));
  return (
    <>
      {may("admin") && (
        <label class="check">
          <input type="checkbox" checked={all} onChange={(event) =>
            go(urlWith({ all: event.currentTarget.checked ? "true" : undefined, cursor: undefined }), "replace")} />
          {t("tokens.everybody")}
        </label>
      )}
      <Asked of={tokens}>{(page) => <List page={page} all={all} onRevoke={setRevoking} />}</Asked>
      {making && <NewToken onClose={onMade} onChange={tokens.reload} />}
      {revoking && (
        <Confirm title={t("tokens.revokeAsk", { name: visibleText(revoking.name) })} action={t("tokens.revoke")}
          run={() => api("DELETE /v1/tokens/{id}", { path: { id: String(revoking.id) } })}
          onClose={() => setRevoking(undefined)}
          onDone={() => { setRevoking(undefined); done(t("tokens.revokedDone")); tokens.reload(); }}>
          <p>{t("tokens.revokeHelp")}</p>
        </Confirm>
      )}
    </>
  );
}

export default function Tokens() {
  const [making, setMaking] = useState(false);
  const kind = may("admin") ? chosenOf(KINDS, "kind") : "api";
  const person = me.value?.kind === "user";
  return (
    <Settings at="tokens" action={person && (
      <Button kind="primary" onClick={() => setMaking(true)}>{t(kind === "api" ? "tokens.new" : "enrolments.new")}</Button>
    )}>
      {may("admin") && (
        <Pills label={t("settings.tokens")} name="kind" all={KINDS} chosen={kind} text={(one) => t(`tokens.${one}`)} />
      )}
      {kind === "api"
        ? <ApiTokens making={making} onMade={() => setMaking(false)} />
        : <Enrolments making={making} onMade={() => setMaking(false)} />}
    </Settings>
  );
}
