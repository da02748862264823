// What somebody copies to have something watched: commands and files that agree with docs/fargate.md.

export const KINDS = ["host", "fargate", "ec2", "falco"] as const;
export type Kind = (typeof KINDS)[number];

const DAY_S = 86_400;
/** How long the token of a kind is good, and for how many agents. Tasks come and go; so do their agents. */
export const LIMITS: Record<Kind, { days: number; uses: number; forget_s: number }> = {
  host: { days: 1, uses: 1, forget_s: 0 },
  fargate: { days: 365, uses: 0, forget_s: DAY_S },
  ec2: { days: 365, uses: 0, forget_s: DAY_S },
  falco: { days: 365, uses: 0, forget_s: 0 },
};

export const IMAGE_EXAMPLE = "111122223333.dkr.ecr.eu-west-1.amazonaws.com/hinomi-agent:0.1";
export const SECRET_EXAMPLE = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:hinomi/enrolment-AbCdEf";

/** Within single quotes of a shell. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** Nobody but the machine itself gets there. */
export function isLoopback(url: string): boolean {
  return /^https?:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:|\/|$)/.test(url);
}

export function hostCommand(command: string, everything: boolean): string {
  return everything ? `${command} --sensor ptrace` : command;
}

export const DOCKERFILE = `FROM debian:bookworm-slim
RUN apt-get update && apt-get install -y --no-install-recommends libarchive13 libcurl4 libisal2 \\
      libjson-c5 libmicrohttpd12 libre2-9 libsodium23 libssl3 libyaml-0-2 libzstd1 zlib1g \\
    && rm -rf /var/lib/apt/lists/*
COPY stage/usr /usr
ENTRYPOINT ["/usr/bin/hinomi-agent"]
`;

export const BUILD_COMMAND = `make && make install DESTDIR="$PWD/stage" PREFIX=/usr
docker build -t hinomi-agent:0.1 .`;

export function secretCommand(token: string): string {
  return `aws secretsmanager create-secret --name hinomi/enrolment --secret-string ${quoted(token)}`;
}

export interface Task { launch: "FARGATE" | "EC2"; url: string; ca: string | null; secret: string; image: string }

function regionOf(arn: string): string {
  return arn.split(":")[3] || "eu-west-1";
}

/** A word of a shell, in quotes only where it needs them. */
export function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : quoted(text);
}

/** What the agent of a definition has to know, as options of `hinomi instrument`. */
function instrumentOptions(task: Task): string[] {
  return [`--agent-image ${word(task.image)}`, `--server ${word(task.url)}`, ...(task.ca ? [`--server-ca ${word(task.ca)}`] : []),
    `--token-secret ${word(task.secret)}`];
}

export function instrumentCommand(task: Task): string {
  return ["hinomi instrument", ...instrumentOptions(task), "-o instrumented.json taskdef.json"].join(" \\\n    ");
}

/** The step of a pipeline: instruments a copy, registers that and has the service deploy it. */
export function deployCommand(task: Task): string {
  return ["deploy/ecs/deploy.sh CLUSTER SERVICE taskdef.json", ...instrumentOptions(task)].join(" \\\n    ");
}

const HEALTH = "exec 3<>/dev/tcp/127.0.0.1/9464 && printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n' >&3 && " +
  'read -r _ status _ <&3 && [ "$status" = 200 ]';

function log(task: Task, stream: string) {
  return { logDriver: "awslogs", options: { "awslogs-group": "/ecs/shop", "awslogs-region": regionOf(task.secret),
    "awslogs-stream-prefix": stream } };
}

function volume(readOnly: boolean) {
  return { sourceVolume: "hinomi", containerPath: "/hinomi", readOnly };
}

/** The two containers that are added: see src/instrument/sidecar.c. */
function sidecar(task: Task, record: string) {
  const environment = [{ name: "HINOMI_METRICS_LISTEN", value: "127.0.0.1:9464" },
    { name: "HINOMI_SERVER_URL", value: task.url },
    { name: "HINOMI_POLICIES", value: "/usr/share/hinomi/policies" },
    ...(task.ca ? [{ name: "HINOMI_SERVER_CA_SHA256", value: task.ca }] : [])];
  return [
    { name: "hinomi-init", image: task.image, essential: false, user: "0",
      entryPoint: ["/bin/cp", "/usr/bin/hinomi-shim", "/hinomi/hinomi-shim"], readonlyRootFilesystem: true,
      mountPoints: [volume(false)], logConfiguration: log(task, "hinomi-init") },
    { name: "hinomi-agent", image: task.image, essential: false, user: "0", entryPoint: ["/usr/bin/hinomi-agent"],
      command: ["--rules", "/usr/share/hinomi/rules"], environment,
      secrets: [{ name: "HINOMI_SERVER_TOKEN", valueFrom: task.secret }], memoryReservation: 128, readonlyRootFilesystem: true,
      linuxParameters: { capabilities: { add: ["SYS_PTRACE"] } },
      dependsOn: [{ containerName: "hinomi-init", condition: "SUCCESS" }],
      mountPoints: [volume(false),
        { sourceVolume: "hinomi-state", containerPath: "/var/lib/hinomi-agent", readOnly: false }],
      healthCheck: { command: ["CMD", "/bin/bash", "-c", HEALTH], interval: 10, timeout: 5, retries: 3, startPeriod: 10 },
      logConfiguration: log(task, "hinomi-agent"), dockerLabels: { "hinomi.instrument": record } },
  ];
}

const WIDTH = 96;

/** JSON in which what fits on a line is on one, as people write it. */
export function json(value: unknown, indent = "", width = WIDTH): string {
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const inner = `${indent}  `;
  const rows = (room: number) => Array.isArray(value) ? value.map((one) => json(one, inner, room))
    : Object.entries(value).map(([name, one]) => `${JSON.stringify(name)}: ${json(one, inner, room)}`);
  const [open, close, blank] = Array.isArray(value) ? ["[", "]", ""] : ["{", "}", " "];
  const line = open + blank + rows(Infinity).join(", ") + blank + close;
  return indent.length + line.length <= width ? line
    : `${open}\n${rows(width).map((row) => inner + row).join(",\n")}\n${indent}${close}`;
}

/** An application's task as `hinomi instrument` leaves it; `--remove` gives back the one without what is of Hinomi. */
export function taskDefinition(task: Task): string {
  const fargate = task.launch === "FARGATE";
  const application = { name: "application", image: "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop:42", essential: true,
    entryPoint: ["/hinomi/hinomi-shim", "--", "/usr/local/bin/shop"], command: ["--port", "8080"],
    portMappings: [{ containerPort: 8080, protocol: "tcp" }], logConfiguration: log(task, "application"),
    dependsOn: [{ containerName: "hinomi-init", condition: "SUCCESS" }, { containerName: "hinomi-agent", condition: "START" }],
    mountPoints: [volume(true)] };
  return json({
    family: "shop", requiresCompatibilities: [task.launch], networkMode: "awsvpc",
    ...(fargate ? { cpu: "512", memory: "1024",
      runtimePlatform: { operatingSystemFamily: "LINUX", cpuArchitecture: "X86_64" } } : { memory: "1024" }),
    executionRoleArn: `arn:aws:iam::${task.secret.split(":")[4] || "111122223333"}:role/ecsTaskExecutionRole`,
    containerDefinitions: [application, ...sidecar(task, ":VP application:DM")],
    volumes: [{ name: "hinomi" }, { name: "hinomi-state" }], pidMode: "task",
  });
}

export function falcoYaml(url: string, token: string): string {
  return `json_output: true
http_output:
  enabled: true
  url: ${url}/
  custom_headers: { Authorization: Bearer ${token} }
`;
}

/** What Falco itself sends, as it does for a rule of its own. */
export function falcoAlert(hostname: string, now: number): string {
  const time = new Date(now).toISOString();
  return JSON.stringify({
    uuid: crypto.randomUUID(), hostname, priority: "Notice", rule: "Hinomi test detection", source: "hinomi", tags: [], time,
    output: `${time}: Notice Hinomi test detection: sent by the console with this token; nothing is wrong`, output_fields: {},
  });
}
