// MITRE ATT&CK as tags of rules name it: tactics by their word or number, techniques by their number. Names are those
// of ATT&CK itself, which has them in English only; tactics are also in the dictionaries.

export const TACTICS = [
  "reconnaissance", "resource_development", "initial_access", "execution", "persistence", "privilege_escalation",
  "defense_evasion", "credential_access", "discovery", "lateral_movement", "collection", "command_and_control",
  "exfiltration", "impact",
] as const;
export type Tactic = (typeof TACTICS)[number];

const TACTIC_IDS: Record<string, Tactic> = {
  TA0043: "reconnaissance", TA0042: "resource_development", TA0001: "initial_access", TA0002: "execution",
  TA0003: "persistence", TA0004: "privilege_escalation", TA0005: "defense_evasion", TA0006: "credential_access",
  TA0007: "discovery", TA0008: "lateral_movement", TA0009: "collection", TA0011: "command_and_control",
  TA0010: "exfiltration", TA0040: "impact",
};

const WORDS: Record<string, Tactic> = { credentials: "credential_access", privesc: "privilege_escalation" };

/** What programs in containers are known to do; number, name, tactic. */
const TECHNIQUES: ReadonlyArray<readonly [string, string, Tactic]> = [
  ["T1003", "OS Credential Dumping", "credential_access"],
  ["T1003.007", "OS Credential Dumping: Proc Filesystem", "credential_access"],
  ["T1003.008", "OS Credential Dumping: /etc/passwd and /etc/shadow", "credential_access"],
  ["T1005", "Data from Local System", "collection"],
  ["T1008", "Fallback Channels", "command_and_control"],
  ["T1014", "Rootkit", "defense_evasion"],
  ["T1016", "System Network Configuration Discovery", "discovery"],
  ["T1018", "Remote System Discovery", "discovery"],
  ["T1020", "Automated Exfiltration", "exfiltration"],
  ["T1021", "Remote Services", "lateral_movement"],
  ["T1021.004", "Remote Services: SSH", "lateral_movement"],
  ["T1027", "Obfuscated Files or Information", "defense_evasion"],
  ["T1029", "Scheduled Transfer", "exfiltration"],
  ["T1030", "Data Transfer Size Limits", "exfiltration"],
  ["T1033", "System Owner/User Discovery", "discovery"],
  ["T1036", "Masquerading", "defense_evasion"],
  ["T1037", "Boot or Logon Initialization Scripts", "persistence"],
  ["T1040", "Network Sniffing", "credential_access"],
  ["T1041", "Exfiltration Over C2 Channel", "exfiltration"],
  ["T1046", "Network Service Discovery", "discovery"],
  ["T1048", "Exfiltration Over Alternative Protocol", "exfiltration"],
  ["T1048.003", "Exfiltration Over Unencrypted Non-C2 Protocol", "exfiltration"],
  ["T1049", "System Network Connections Discovery", "discovery"],
  ["T1053", "Scheduled Task/Job", "persistence"],
  ["T1053.003", "Scheduled Task/Job: Cron", "persistence"],
  ["T1055", "Process Injection", "defense_evasion"],
  ["T1055.008", "Process Injection: Ptrace System Calls", "defense_evasion"],
  ["T1057", "Process Discovery", "discovery"],
  ["T1059", "Command and Scripting Interpreter", "execution"],
  ["T1059.004", "Command and Scripting Interpreter: Unix Shell", "execution"],
  ["T1059.006", "Command and Scripting Interpreter: Python", "execution"],
  ["T1059.007", "Command and Scripting Interpreter: JavaScript", "execution"],
  ["T1068", "Exploitation for Privilege Escalation", "privilege_escalation"],
  ["T1070", "Indicator Removal", "defense_evasion"],
  ["T1070.003", "Indicator Removal: Clear Command History", "defense_evasion"],
  ["T1070.004", "Indicator Removal: File Deletion", "defense_evasion"],
  ["T1071", "Application Layer Protocol", "command_and_control"],
  ["T1071.001", "Application Layer Protocol: Web Protocols", "command_and_control"],
  ["T1071.004", "Application Layer Protocol: DNS", "command_and_control"],
  ["T1078", "Valid Accounts", "initial_access"],
  ["T1082", "System Information Discovery", "discovery"],
  ["T1083", "File and Directory Discovery", "discovery"],
  ["T1087", "Account Discovery", "discovery"],
  ["T1090", "Proxy", "command_and_control"],
  ["T1090.003", "Proxy: Multi-hop Proxy", "command_and_control"],
  ["T1095", "Non-Application Layer Protocol", "command_and_control"],
  ["T1098", "Account Manipulation", "persistence"],
  ["T1098.004", "Account Manipulation: SSH Authorized Keys", "persistence"],
  ["T1102", "Web Service", "command_and_control"],
  ["T1104", "Multi-Stage Channels", "command_and_control"],
  ["T1105", "Ingress Tool Transfer", "command_and_control"],
  ["T1106", "Native API", "execution"],
  ["T1110", "Brute Force", "credential_access"],
  ["T1129", "Shared Modules", "execution"],
  ["T1132", "Data Encoding", "command_and_control"],
  ["T1133", "External Remote Services", "initial_access"],
  ["T1136", "Create Account", "persistence"],
  ["T1136.001", "Create Account: Local Account", "persistence"],
  ["T1140", "Deobfuscate/Decode Files or Information", "defense_evasion"],
  ["T1176", "Software Extensions", "persistence"],
  ["T1190", "Exploit Public-Facing Application", "initial_access"],
  ["T1195", "Supply Chain Compromise", "initial_access"],
  ["T1203", "Exploitation for Client Execution", "execution"],
  ["T1204", "User Execution", "execution"],
  ["T1204.003", "User Execution: Malicious Image", "execution"],
  ["T1205", "Traffic Signaling", "command_and_control"],
  ["T1210", "Exploitation of Remote Services", "lateral_movement"],
  ["T1212", "Exploitation for Credential Access", "credential_access"],
  ["T1218", "System Binary Proxy Execution", "defense_evasion"],
  ["T1219", "Remote Access Tools", "command_and_control"],
  ["T1222", "File and Directory Permissions Modification", "defense_evasion"],
  ["T1222.002", "Linux and Mac File and Directory Permissions Modification", "defense_evasion"],
  ["T1485", "Data Destruction", "impact"],
  ["T1486", "Data Encrypted for Impact", "impact"],
  ["T1489", "Service Stop", "impact"],
  ["T1490", "Inhibit System Recovery", "impact"],
  ["T1496", "Resource Hijacking", "impact"],
  ["T1498", "Network Denial of Service", "impact"],
  ["T1499", "Endpoint Denial of Service", "impact"],
  ["T1505", "Server Software Component", "persistence"],
  ["T1505.003", "Server Software Component: Web Shell", "persistence"],
  ["T1518", "Software Discovery", "discovery"],
  ["T1525", "Implant Internal Image", "persistence"],
  ["T1526", "Cloud Service Discovery", "discovery"],
  ["T1528", "Steal Application Access Token", "credential_access"],
  ["T1543", "Create or Modify System Process", "persistence"],
  ["T1543.002", "Create or Modify System Process: Systemd Service", "persistence"],
  ["T1546", "Event Triggered Execution", "persistence"],
  ["T1546.004", "Event Triggered Execution: Unix Shell Configuration Modification", "persistence"],
  ["T1547", "Boot or Logon Autostart Execution", "persistence"],
  ["T1547.006", "Kernel Modules and Extensions", "persistence"],
  ["T1548", "Abuse Elevation Control Mechanism", "privilege_escalation"],
  ["T1548.001", "Abuse Elevation Control Mechanism: Setuid and Setgid", "privilege_escalation"],
  ["T1548.003", "Abuse Elevation Control Mechanism: Sudo and Sudo Caching", "privilege_escalation"],
  ["T1550", "Use Alternate Authentication Material", "lateral_movement"],
  ["T1552", "Unsecured Credentials", "credential_access"],
  ["T1552.001", "Unsecured Credentials: Credentials In Files", "credential_access"],
  ["T1552.003", "Unsecured Credentials: Shell History", "credential_access"],
  ["T1552.004", "Unsecured Credentials: Private Keys", "credential_access"],
  ["T1552.005", "Unsecured Credentials: Cloud Instance Metadata API", "credential_access"],
  ["T1552.007", "Unsecured Credentials: Container API", "credential_access"],
  ["T1553", "Subvert Trust Controls", "defense_evasion"],
  ["T1555", "Credentials from Password Stores", "credential_access"],
  ["T1556", "Modify Authentication Process", "credential_access"],
  ["T1560", "Archive Collected Data", "collection"],
  ["T1562", "Impair Defenses", "defense_evasion"],
  ["T1562.001", "Impair Defenses: Disable or Modify Tools", "defense_evasion"],
  ["T1564", "Hide Artifacts", "defense_evasion"],
  ["T1564.001", "Hide Artifacts: Hidden Files and Directories", "defense_evasion"],
  ["T1565", "Data Manipulation", "impact"],
  ["T1567", "Exfiltration Over Web Service", "exfiltration"],
  ["T1568", "Dynamic Resolution", "command_and_control"],
  ["T1569", "System Services", "execution"],
  ["T1570", "Lateral Tool Transfer", "lateral_movement"],
  ["T1571", "Non-Standard Port", "command_and_control"],
  ["T1572", "Protocol Tunneling", "command_and_control"],
  ["T1573", "Encrypted Channel", "command_and_control"],
  ["T1574", "Hijack Execution Flow", "persistence"],
  ["T1574.006", "Hijack Execution Flow: Dynamic Linker Hijacking", "persistence"],
  ["T1580", "Cloud Infrastructure Discovery", "discovery"],
  ["T1595", "Active Scanning", "reconnaissance"],
  ["T1601", "Modify System Image", "defense_evasion"],
  ["T1609", "Container Administration Command", "execution"],
  ["T1610", "Deploy Container", "defense_evasion"],
  ["T1611", "Escape to Host", "privilege_escalation"],
  ["T1612", "Build Image on Host", "defense_evasion"],
  ["T1613", "Container and Resource Discovery", "discovery"],
  ["T1620", "Reflective Code Loading", "defense_evasion"],
  ["T1651", "Cloud Administration Command", "execution"],
];

export interface Technique { id: string; name: string | null; tactic: Tactic | null; url: string }
export interface Attack { tactics: Tactic[]; techniques: Technique[] }

function techniqueOf(id: string): Technique {
  const parent = id.split(".")[0];
  const found = TECHNIQUES.find(([known]) => known === id) ?? TECHNIQUES.find(([known]) => known === parent);
  return {
    id, name: found?.[1] ?? null, tactic: found?.[2] ?? null,
    url: `https://attack.mitre.org/techniques/${id.replace(".", "/")}/`,
  };
}

function tacticOf(tag: string): Tactic | null {
  const word = tag.toLowerCase().replace(/^mitre_/, "").replaceAll("-", "_");
  const id = tag.replace(/^mitre_/i, "").toUpperCase();
  return TACTICS.find((tactic) => tactic === word) ?? WORDS[word] ?? TACTIC_IDS[id] ?? null;
}

/** The techniques of a rule's tags, and the tactics that its tags or techniques stand for, in the order of an attack. */
export function attackOf(tags: string[]): Attack {
  const ids = tags.map((tag) => /^(?:mitre_)?(T\d{4}(?:\.\d{3})?)$/i.exec(tag)?.[1]?.toUpperCase())
    .filter((id): id is string => id !== undefined);
  const techniques = [...new Set(ids)].map(techniqueOf);
  const named = new Set([...tags.map(tacticOf), ...techniques.map((technique) => technique.tactic)]);
  return { tactics: TACTICS.filter((tactic) => named.has(tactic)), techniques };
}
