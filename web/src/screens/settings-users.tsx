// Users: who there is and what they may; a new one; one of them at the side.
import { useState } from "preact/hooks";
import { api } from "../core/api";
import { t } from "../core/i18n";
import { useKeys } from "../core/keys";
import { useResource } from "../core/resource";
import { go, place, urlWith } from "../core/router";
import { may, me } from "../core/session";
import type { Users as Page } from "../generated/schemas";
import { Button, Empty, Time } from "../ui/parts";
import { Text } from "../ui/text";
import { Settings } from "./settings";
import { Asked, Pages, Table } from "./settings-parts";
import { NewUser, UserDrawer, UserState } from "./settings-user";

type User = Page["items"][number];

function Row({ user }: { user: User }) {
  return (
    <tr>
      <td>
        <a href={urlWith({ open: user.name })}><Text of={user.name} /></a>
        {user.name === me.value?.name && <span class="tag">{t("users.you")}</span>}
        {user.display_name && <div class="faint"><Text of={user.display_name} /></div>}
      </td>
      <td>{user.role && t(`role.${user.role}`)}</td>
      <td><UserState of={user} /></td>
      <td class="nowrap">{user.login_ms ? <Time ms={user.login_ms} /> : <span class="faint">{t("settings.never")}</span>}</td>
      <td class="number">{user.sessions ?? 0}</td>
      <td class="nowrap">{user.password_ms ? <Time ms={user.password_ms} /> : null}</td>
    </tr>
  );
}

const COLUMNS = ["settings.name", "users.role", "settings.state", "users.lastLogin", "settings.sessions",
  "users.passwordSet"] as const;

function List({ page }: { page: Page }) {
  const label = t("settings.users");
  return (
    <>
      <Table label={label} columns={COLUMNS}>{page.items.map((user) => <Row key={user.name} user={user} />)}</Table>
      {page.total === 1 && <Empty title="users.alone">{t("users.aloneHelp")}</Empty>}
      <Pages label={label} next={page.next} />
    </>
  );
}

export default function Users() {
  const { query } = place.value;
  const cursor = query.get("cursor") ?? undefined;
  const open = query.get("open");
  const [making, setMaking] = useState(false);
  const users = useResource(`users ${cursor}`, (signal) =>
    may("admin") ? api("GET /v1/users", { query: { limit: 100, cursor }, signal }) : Promise.resolve(undefined));
  useKeys([{ key: "n", label: t("users.new"), run: () => { if (may("admin")) setMaking(true); } }]);
  return (
    <Settings at="users" count={users.data && t("users.count", { count: users.data.total })}
      action={<Button kind="primary" onClick={() => setMaking(true)}>{t("users.new")}</Button>}>
      <Asked of={users}>{(page) => page && <List page={page} />}</Asked>
      {making && <NewUser onClose={() => setMaking(false)} onChange={users.reload} />}
      {open && !making && (
        <UserDrawer key={open} name={open} onClose={() => go(urlWith({ open: undefined }))} onChange={users.reload} />
      )}
    </Settings>
  );
}
