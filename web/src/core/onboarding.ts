// What somebody copies to have something watched: commands and files that agree with docs/deployment.md.

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

/** The task of deploy/ecs/task-definition.json, with an agent that has a server, and a place of its own for what it keeps. */
export function taskDefinition(task: Task): string {
  const log = (stream: string) => ({ logDriver: "awslogs", options: { "awslogs-group": "/ecs/shop",
    "awslogs-region": regionOf(task.secret), "awslogs-stream-prefix": stream } });
  const volume = (readOnly: boolean) => ({ sourceVolume: "hinomi", containerPath: "/hinomi", readOnly });
  const environment = [{ name: "HINOMI_SERVER_URL", value: task.url },
    ...(task.ca ? [{ name: "HINOMI_SERVER_CA_SHA256", value: task.ca }] : [])];
  const fargate = task.launch === "FARGATE";
  return JSON.stringify({
    family: "shop", requiresCompatibilities: [task.launch], networkMode: "awsvpc", pidMode: "task",
    ...(fargate ? { cpu: "512", memory: "1024",
      runtimePlatform: { operatingSystemFamily: "LINUX", cpuArchitecture: "X86_64" } } : { memory: "1024" }),
    executionRoleArn: `arn:aws:iam::${task.secret.split(":")[4] || "111122223333"}:role/ecsTaskExecutionRole`,
    volumes: [{ name: "hinomi" }, { name: "hinomi-state" }],
    containerDefinitions: [
      { name: "hinomi-init", image: task.image, essential: false, user: "0",
        entryPoint: ["/bin/cp", "/usr/bin/hinomi-shim", "/hinomi/hinomi-shim"], command: [], readonlyRootFilesystem: true,
        mountPoints: [volume(false)], logConfiguration: log("hinomi-init") },
      { name: "hinomi-agent", image: task.image, essential: false, user: "0", entryPoint: ["/usr/bin/hinomi-agent"],
        command: [], environment, secrets: [{ name: "HINOMI_SERVER_TOKEN", valueFrom: task.secret }],
        cpu: 128, memoryReservation: 128, readonlyRootFilesystem: true,
        linuxParameters: { capabilities: { add: ["SYS_PTRACE"] } },
        dependsOn: [{ containerName: "hinomi-init", condition: "SUCCESS" }],
        mountPoints: [volume(false),
          { sourceVolume: "hinomi-state", containerPath: "/var/lib/hinomi-agent", readOnly: false }],
        logConfiguration: log("hinomi-agent") },
      { name: "application", image: "111122223333.dkr.ecr.eu-west-1.amazonaws.com/shop:42", essential: true,
        entryPoint: ["/hinomi/hinomi-shim", "--", "/usr/local/bin/shop"], command: ["--port", "8080"],
        portMappings: [{ containerPort: 8080, protocol: "tcp" }],
        dependsOn: [{ containerName: "hinomi-init", condition: "SUCCESS" },
          { containerName: "hinomi-agent", condition: "START" }],
        mountPoints: [volume(true)], logConfiguration: log("application") },
    ],
  }, null, 2);
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
