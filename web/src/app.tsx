// Which screen: set-up and log-in while nobody is there, else the one of the address.
import type { ComponentType } from "preact";
import { Component } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t, language } from "./core/i18n";
import { go, match, place } from "./core/router";
import { me, resume } from "./core/session";
import { screens, type Screen } from "./screens";
import { Login } from "./screens/login";
import { Setup } from "./screens/setup";
import { Layout } from "./ui/layout";
import { Empty, Failure, Loading } from "./ui/parts";

type Loaded = ComponentType<Record<string, string>>;

/** A screen that fails takes nothing else along. */
class Guard extends Component<{ children: preact.ComponentChildren }, { error?: unknown }> {
  override state: { error?: unknown } = {};
  static override getDerivedStateFromError(error: unknown) {
    return { error };
  }
  override render() {
    return this.state.error === undefined
      ? this.props.children
      : <Failure error={this.state.error} retry={() => window.location.reload()} />;
  }
}

const loaded = new Map<Screen, Loaded>();

function Opened({ screen, params }: { screen: Screen; params: Record<string, string> }) {
  const [, again] = useState(0);
  const [error, setError] = useState<unknown>();
  const Found = screen.now ?? loaded.get(screen);
  useEffect(() => {
    document.title = `${t(screen.title)} · ${t("app.name")}`;
  }, [screen, language.value]);
  useEffect(() => {
    if (Found || !screen.load) return;
    screen.load().then((module) => { loaded.set(screen, module.default); again((n) => n + 1); }, setError);
  }, [screen]);
  if (error !== undefined) return <Failure error={error} retry={() => window.location.reload()} />;
  return Found ? <Found {...params} /> : <Loading />;
}

function Here() {
  const { path } = place.value;
  for (const screen of screens) {
    const params = match(screen.path, path);
    if (params) return <Guard key={path}><Opened key={screen.path} screen={screen} params={params} /></Guard>;
  }
  return (
    <Empty top title="app.noScreen" action={<a class="button primary" href="/findings">{t("app.toFindings")}</a>}>
      {t("app.noScreenHelp")}
    </Empty>
  );
}

export function App() {
  const [error, setError] = useState<unknown>();
  const setup = place.value.path === "/setup";
  const ask = () => { setError(undefined); resume().catch(setError); };
  useEffect(ask, []);
  useEffect(() => {
    if (me.value && setup) go("/onboarding", "replace");
    if (me.value && place.value.path === "/") go("/overview", "replace");
  }, [me.value, place.value.path]);
  if (error !== undefined) return <main id="main"><Failure error={error} retry={ask} /></main>;
  if (me.value === undefined) return <main id="main"><Loading /></main>;
  if (me.value === null) return setup ? <Setup /> : <Login />;
  return <Layout><Here /></Layout>;
}
