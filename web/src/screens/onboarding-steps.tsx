// What has to be done where, for each kind of place that can be watched.
import { useState } from "preact/hooks";
import { t } from "../core/i18n";
import {
  BUILD_COMMAND, deployCommand, DOCKERFILE, falcoYaml, hostCommand, IMAGE_EXAMPLE, instrumentCommand, isLoopback,
  SECRET_EXAMPLE, secretCommand, taskDefinition, type Kind,
} from "../core/onboarding";
import { Field } from "../ui/field";
import { Code } from "./onboarding-code";

/** A token, shown this once, and where its agents go. */
export interface Made { id: number; token: string; url: string; ca: string | null; command: string; made_ms: number }

function Reach({ url }: { url: string }) {
  if (!isLoopback(url)) return null;
  return <p class="note">{t("onboarding.loopback", { url })} {t("onboarding.loopbackHelp")}</p>;
}

function Host({ made }: { made: Made }) {
  const [everything, setEverything] = useState(false);
  return (
    <>
      <p>{t("onboarding.host.install")}</p>
      <Code label={t("onboarding.host.installLabel")} text="make && sudo make install" />
      <p>{t("onboarding.host.run")}</p>
      <label class="check"><input type="checkbox" checked={everything} onChange={() => setEverything(!everything)} />
        <span>{t("onboarding.host.all")}<span class="faint"> {t("onboarding.host.allHelp")}</span></span></label>
      <Code label={t("onboarding.host.runLabel")} text={hostCommand(made.command, everything)} />
      {!everything && (
        <>
          <p>{t("onboarding.host.shim")}</p>
          <Code label={t("onboarding.host.shimLabel")} text="hinomi-shim -- COMMAND ARGUMENT…" />
        </>
      )}
    </>
  );
}

function Ecs({ made, launch }: { made: Made; launch: "FARGATE" | "EC2" }) {
  const [image, setImage] = useState(IMAGE_EXAMPLE);
  const [secret, setSecret] = useState(SECRET_EXAMPLE);
  const task = { launch, url: made.url, ca: made.ca, secret: secret.trim(), image: image.trim() };
  return (
    <>
      <Reach url={made.url} />
      <p>{t("onboarding.ecs.image")}</p>
      <Code label="Dockerfile" text={DOCKERFILE} />
      <Code label={t("onboarding.ecs.build")} text={BUILD_COMMAND} />
      <p>{t("onboarding.ecs.secret")}</p>
      <Code label={t("onboarding.ecs.secretLabel")} text={secretCommand(made.token)} />
      <div class="pair">
        <Field label={t("onboarding.ecs.imageName")} name="image" value={image} onText={setImage} maxLength={500} />
        <Field label={t("onboarding.ecs.arn")} name="secret" value={secret} onText={setSecret} maxLength={500} />
      </div>
      <p>{t("onboarding.ecs.instrument")}</p>
      <Code label={t("onboarding.ecs.instrumentLabel")} text={instrumentCommand(task)} />
      <ul>
        <li>{t("onboarding.ecs.entry")}</li>
        <li>{t("onboarding.ecs.again")}</li>
        <li>{t("onboarding.ecs.rights")}</li>
        <li>{t(launch === "FARGATE" ? "onboarding.ecs.fargate" : "onboarding.ecs.ec2")}</li>
      </ul>
      <details class="unfold">
        <summary>{t("onboarding.ecs.result")}</summary>
        <p>{t("onboarding.ecs.task")}</p>
        <Code label="instrumented.json" text={taskDefinition(task)} />
      </details>
      <p>{t("onboarding.ecs.deploy")}</p>
      <Code label={t("onboarding.ecs.register")}
        text="aws ecs register-task-definition --cli-input-json file://instrumented.json" />
      <details class="unfold">
        <summary>{t("onboarding.ecs.pipeline")}</summary>
        <p>{t("onboarding.ecs.pipelineHelp")}</p>
        <Code label={t("onboarding.ecs.pipelineLabel")} text={deployCommand(task)} />
      </details>
    </>
  );
}

function Falco({ made }: { made: Made }) {
  return (
    <>
      <Reach url={made.url} />
      <p>{t("onboarding.falco.yaml")}</p>
      <Code label="falco.yaml" text={falcoYaml(made.url, made.token)} />
      {made.url.startsWith("https:") && <p class="note">{t("onboarding.falco.ca")}</p>}
      <p>{t("onboarding.falco.restart")}</p>
      <Code label={t("onboarding.falco.restartLabel")} text="sudo systemctl restart falco" />
    </>
  );
}

export function Steps({ kind, made }: { kind: Kind; made: Made }) {
  if (kind === "host") return <Host made={made} />;
  if (kind === "falco") return <Falco made={made} />;
  return <Ecs made={made} launch={kind === "fargate" ? "FARGATE" : "EC2"} />;
}
