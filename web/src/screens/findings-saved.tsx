// Filters that people keep: with columns, time and order; for oneself, for all, or as what the console begins with.
import { useEffect, useRef, useState } from "preact/hooks";
import { api } from "../core/api";
import { wholeFilter } from "../core/filter";
import { keptQuery, queryOf, type FindingsView } from "../core/findings-view";
import { t } from "../core/i18n";
import { useResource, type Resource } from "../core/resource";
import { go, place, urlWith } from "../core/router";
import { me } from "../core/session";
import { visibleText } from "../core/visible";
import type { Filter, Filters } from "../generated/schemas";
import { Dialog } from "../ui/dialog";
import { Field } from "../ui/field";
import { Menu } from "../ui/menu";
import { Button, Empty, Failure } from "../ui/parts";
import { Text } from "../ui/text";
import { done, failed } from "../ui/toasts";

/** Where a kept filter is shown; of one that was made without the console, the filter alone. */
export function savedUrl(filter: Pick<Filter, "id" | "view" | "filter">): string {
  const query = new URLSearchParams(filter.view || { view: "all", time: "all", filter: filter.filter });
  query.set("saved", String(filter.id));
  return `/findings?${query.toString()}`;
}

export function useSaved(): Resource<Filters> {
  const saved = useResource<Filters>("filters", (signal) => api("GET /v1/filters", { signal }));
  const begun = useRef(place.value.query.toString() !== "");
  useEffect(() => {
    if (!saved.data || begun.current) return;
    begun.current = true;
    const usual = saved.data.items.find((filter) => filter.default);
    if (usual && place.value.query.toString() === "" && place.value.path === "/findings") go(savedUrl(usual), "replace");
  }, [saved.data]);
  return saved;
}

function currentOf(saved: Resource<Filters>): Filter | undefined {
  const id = Number(place.value.query.get("saved"));
  return saved.data?.items.find((filter) => filter.id === id);
}

function isChanged(filter: Filter): boolean {
  const kept = new URLSearchParams(filter.view || { view: "all", time: "all", filter: filter.filter });
  return keptQuery(kept) !== keptQuery();
}

function labelOf(filter: Filter): string {
  const name = visibleText(filter.name);
  if (!filter.own) return t("saved.of", { name, owner: filter.owner });
  return filter.default ? t("saved.isDefault", { name }) : filter.shared ? t("saved.isShared", { name }) : name;
}

function Tick({ on, label, name, onTick }: { on: boolean; label: string; name?: string; onTick: () => void }) {
  return (
    <label class="tick">
      <input type="checkbox" checked={on} onChange={onTick} {...(name ? { "aria-label": name } : {})} />{label}
    </label>
  );
}

function SaveDialog({ view, saved, onClose }: { view: FindingsView; saved: Resource<Filters>; onClose: () => void }) {
  const [name, setName] = useState("");
  const [shared, setShared] = useState(false);
  const [usual, setUsual] = useState(false);
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const submit = (event: Event) => {
    event.preventDefault();
    setBusy(true);
    const body = { name: name.trim(), filter: wholeFilter(queryOf(view)), view: keptQuery(), shared, default: usual };
    api("POST /v1/filters", { body }).then((made) => {
      done(t("saved.done", { name: made.name }));
      saved.reload();
      go(urlWith({ saved: String(made.id) }), "replace");
      onClose();
    }, setError).finally(() => setBusy(false));
  };
  return (
    <Dialog title={t("saved.title")} onClose={onClose}>
      <form class="form" onSubmit={submit}>
        <p class="faint">{t("saved.help")}</p>
        {error !== undefined && <Failure error={error} />}
        <Field label={t("saved.name")} name="filter-name" value={name} onText={setName} required maxLength={100} />
        <Tick on={shared} label={t("saved.share")} onTick={() => setShared(!shared)} />
        <Tick on={usual} label={t("saved.makeDefault")} onTick={() => setUsual(!usual)} />
        <div class="buttons">
          <Button onClick={onClose}>{t("action.cancel")}</Button>
          <Button kind="primary" submit busy={busy} disabled={name.trim() === ""}>{t("action.save")}</Button>
        </div>
      </form>
    </Dialog>
  );
}

function One({ filter, onChange }: { filter: Filter; onChange: () => void }) {
  const name = visibleText(filter.name);
  const run = (work: Promise<unknown>, text: string) => work.then(() => { done(text); onChange(); }, failed);
  const set = (body: { shared?: boolean; default?: boolean }) =>
    void run(api("PATCH /v1/filters/{id}", { path: { id: String(filter.id) }, body }), t("saved.done", { name }));
  const remove = () =>
    void run(api("DELETE /v1/filters/{id}", { path: { id: String(filter.id) } }), t("saved.removed", { name }));
  const admin = me.value?.permissions.includes("admin") ?? false;
  return (
    <li>
      <a href={savedUrl(filter)}><Text of={filter.name} /></a>
      {!filter.own && <span class="faint">{t("saved.by", { owner: filter.owner })}</span>}
      <span class="space" />
      {filter.own && (
        <>
          <Tick on={filter.shared} label={t("saved.shared")} name={t("saved.shareOne", { name })}
            onTick={() => set({ shared: !filter.shared })} />
          <Tick on={filter.default} label={t("saved.default")} name={t("saved.defaultOne", { name })}
            onTick={() => set({ default: !filter.default })} />
        </>
      )}
      {(filter.own || admin) && (
        <Button kind="quiet" aria-label={t("action.remove", { name })} onClick={remove}>×</Button>
      )}
    </li>
  );
}

function ManageDialog({ saved, onClose }: { saved: Resource<Filters>; onClose: () => void }) {
  const items = saved.data?.items ?? [];
  return (
    <Dialog title={t("saved.manage")} onClose={onClose}>
      {items.length === 0
        ? <Empty title="saved.none">{t("saved.noneHelp")}</Empty>
        : <ul class="saved-list" onClick={(event) => {
            if (event.target instanceof Element && event.target.closest("a")) onClose();
          }}>{items.map((filter) => <One key={filter.id} filter={filter} onChange={saved.reload} />)}</ul>}
    </Dialog>
  );
}

type Command = `go:${number}` | "save" | "update" | "manage";

export function SavedMenu({ view, saved }: { view: FindingsView; saved: Resource<Filters> }) {
  const [dialog, setDialog] = useState<"save" | "manage" | null>(null);
  const current = currentOf(saved);
  const changed = current !== undefined && isChanged(current);
  const update = () => {
    if (!current) return;
    const body = { filter: wholeFilter(queryOf(view)), view: keptQuery() };
    api("PATCH /v1/filters/{id}", { path: { id: String(current.id) }, body })
      .then(() => { done(t("saved.done", { name: current.name })); saved.reload(); }, failed);
  };
  const choose = (command: Command) => {
    if (command === "save" || command === "manage") setDialog(command);
    else if (command === "update") update();
    else {
      const found = saved.data?.items.find((filter) => command === `go:${filter.id}`);
      if (found) go(savedUrl(found));
    }
  };
  const choices: { value: Command; label: string }[] = [
    ...(saved.data?.items ?? []).map((filter) => ({ value: `go:${filter.id}` as const, label: labelOf(filter) })),
    ...(current?.own && changed ? [{ value: "update" as const, label: t("saved.update", { name: current.name }) }] : []),
    { value: "save", label: t("saved.saveAs") },
    { value: "manage", label: t("saved.manageDo") },
  ];
  return (
    <>
      <Menu<Command> label={t("saved.menu")} onChoose={choose} choices={choices}
        button={current ? `${visibleText(current.name)}${changed ? " *" : ""}` : t("saved.menu")} />
      {dialog === "save" && <SaveDialog view={view} saved={saved} onClose={() => setDialog(null)} />}
      {dialog === "manage" && <ManageDialog saved={saved} onClose={() => setDialog(null)} />}
    </>
  );
}
