// Of coverage: what agents see, by task: each container, whether it is watched, and if not why.
import { useEffect, useState } from "preact/hooks";
import { api } from "../core/api";
import { containersOf, type Container } from "../core/coverage";
import { t } from "../core/i18n";
import { listen } from "../core/live";
import { useResource } from "../core/resource";
import { go, place, urlWith } from "../core/router";
import type { Containers } from "../generated/schemas";
import { Empty, Failure, Loading } from "../ui/parts";
import { Pills } from "../ui/pills";
import { Text } from "../ui/text";
import type { Names } from "./coverage-agents";

const PAGE = 200;

interface Seen extends Container { agent: string }
interface Task { key: string; agent: string; task: string; cluster: string; containers: Seen[] }

/** Neighbours of one task of one agent; without a task: of the agent. */
function tasksOf(items: Containers["items"]): Task[] {
  const tasks: Task[] = [];
  for (const item of items) {
    const [container] = containersOf([item.container]);
    if (!container) continue;
    const key = `${item.agent} ${container.task}`;
    let task = tasks.find((one) => one.key === key);
    if (!task) {
      task = { key, agent: item.agent, task: container.task, cluster: container.cluster, containers: [] };
      tasks.push(task);
    }
    task.containers.push({ ...container, agent: item.agent });
  }
  return tasks;
}

export function Watched({ container }: { container: Container }) {
  return (
    <>
      <span class={`health ${container.watched ? "healthy" : "unhealthy"}`}>
        <span class="mark" aria-hidden="true" />{t(container.watched ? "coverage.isWatched" : "coverage.isNotWatched")}</span>
      {!container.watched && container.why && <div class="faint"><Text of={container.why} /></div>}
    </>
  );
}

export function ContainerRow({ container }: { container: Container }) {
  return (
    <tr>
      <th scope="row"><Text of={container.name || container.id} />
        <div class="faint"><Text of={container.id} mono /></div></th>
      <td data-label={t("fact.image")}>{container.image ? <Text of={container.image} mono /> : <span class="faint">–</span>}</td>
      <td data-label={t("coverage.col.state")}><Watched container={container} /></td>
    </tr>
  );
}

function TaskRows({ task, names }: { task: Task; names: Names }) {
  const watched = task.containers.filter((one) => one.watched).length;
  return (
    <tbody>
      <tr class="group">
        <th scope="rowgroup" colSpan={3}>
          {task.task ? <Text of={task.task} mono /> : t("coverage.noTask")}
          <span class="faint"> {t("coverage.watchedOf", { watched, all: task.containers.length })} · {task.cluster &&
            <><Text of={task.cluster} /> · </>}<a href={`/coverage/${encodeURIComponent(task.agent)}`}>
            <Text of={names.get(task.agent)?.name || task.agent} /></a></span>
        </th>
      </tr>
      {task.containers.map((container) => <ContainerRow key={container.id} container={container} />)}
    </tbody>
  );
}

function Search() {
  const search = place.value.query.get("q") ?? "";
  const [text, setText] = useState(search);
  return (
    <form role="search" class="inline" onSubmit={(event) => {
      event.preventDefault();
      go(urlWith({ q: text.trim(), cursor: undefined }));
    }}>
      <input type="search" value={text} maxLength={200} aria-label={t("coverage.search")} placeholder={t("coverage.search")}
        onInput={(event) => setText(event.currentTarget.value)} />
    </form>
  );
}

export function ContainerTable({ names }: { names: Names }) {
  const query = place.value.query;
  const wanted = query.get("state");
  const state = wanted === "watched" || wanted === "unwatched" ? wanted : undefined;
  const search = query.get("q") ?? undefined;
  const cursor = query.get("cursor") ?? undefined;
  const seen = useResource<Containers>(`containers ${state} ${search} ${cursor}`, (signal) =>
    api("GET /v1/coverage/containers", { query: { state, search, cursor, limit: PAGE }, signal }));
  useEffect(() => listen("agent", seen.reload), []);
  const tasks = tasksOf(seen.data?.items ?? []);
  return (
    <>
      <Pills name="state" chosen={state} label={t("coverage.col.state")} choices={[
        { value: undefined, label: t("coverage.all") }, { value: "watched", label: t("coverage.isWatched") },
        { value: "unwatched", label: t("coverage.isNotWatched") }]} />
      <Search />
      {seen.error !== undefined && !seen.data ? <Failure error={seen.error} retry={seen.reload} /> : !seen.data ? <Loading />
        : tasks.length === 0 ? <Empty title="coverage.noContainers">{t("coverage.noContainersHelp")}</Empty> : (
          <div class="scroll" tabIndex={0} role="region" aria-label={t("coverage.tasks")}>
            <table class="table cards">
              <thead><tr>{(["container", "image", "state"] as const).map((column) => (
                <th key={column} scope="col">{t(column === "state" ? "coverage.col.state" : `fact.${column}`)}</th>
              ))}</tr></thead>
              {tasks.map((task) => <TaskRows key={task.key} task={task} names={names} />)}
            </table>
          </div>
        )}
      {seen.data?.next && (
        <nav class="pages" aria-label={t("action.next")}>
          <a class="button" href={urlWith({ cursor: seen.data.next })}>{t("action.next")}</a>
        </nav>
      )}
    </>
  );
}
