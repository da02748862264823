// The start of the console.
import { render } from "preact";
import { App } from "./app";
import { language, setLanguage } from "./core/i18n";
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
  void setLanguage(language.value).then(() => {
    startRouter();
    startKeys();
    render(<App />, root);
  }, () => {
    root.textContent = "Hinomi could not be loaded: reload the page. 読み込めませんでした。再読み込みしてください。";
  });
}
