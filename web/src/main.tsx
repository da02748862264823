// The start of the console.
import { render } from "preact";
import { App } from "./app";
import { startLanguage } from "./core/i18n";
import { startKeys } from "./core/keys";
import { startRouter } from "./core/router";
import "./styles/theme.css";
import "./styles/base.css";
import "./styles/parts.css";
import "./styles/layout.css";
import "./styles/findings.css";
import "./styles/finding.css";

const root = document.getElementById("app");
if (root) {
  startRouter();
  startKeys();
  void startLanguage().then(() => render(<App />, root));
}
