import type { ErrorCode } from '../../core/model/errors.ts'
import type { Cli } from '../context.ts'

/** A thing that can be wrong, and what to do about it. `{…}` is filled in where it is found. */
interface FaultKind {
  readonly state: 'warning' | 'failed'
  /** Gives the exit code of `ztm doctor`. */
  readonly code: ErrorCode
  readonly remedy: string
}

/** All faults `ztm doctor` tells apart. */
export const FAULTS = {
  // The state folder
  'folder-missing': {
    state: 'warning',
    code: 'not-found',
    remedy: 'start an agent or hub, which makes it: `ztm start agent`; or give the right one with --data',
  },
  'folder-not-a-folder': {
    state: 'failed',
    code: 'storage-failed',
    remedy: 'move the file away, or choose another folder with --data',
  },
  'folder-foreign': {
    state: 'failed',
    code: 'not-permitted',
    remedy: 'run ztm as that user, or give the folder back: `sudo chown -R $(id -u) {folder}`',
  },
  'folder-open': { state: 'failed', code: 'not-permitted', remedy: '`chmod 700 {folder}`' },
  'folder-read-only': {
    state: 'failed',
    code: 'storage-failed',
    remedy: 'mount the file system for writing, or `chmod u+rwx {folder}`',
  },
  'file-foreign': {
    state: 'failed',
    code: 'not-permitted',
    remedy: 'something ran with sudo: `sudo chown -R $(id -u) {folder}`',
  },
  'file-open': {
    state: 'warning',
    code: 'not-permitted',
    remedy: '`chmod 600 {file}`; make new keys if somebody else may have read it',
  },
  'settings-broken': {
    state: 'failed',
    code: 'bad-input',
    remedy: 'mend it, or remove it and use `ztm config`',
  },
  'disk-full': { state: 'failed', code: 'storage-full', remedy: 'free some space: nothing can be saved' },
  'disk-low': { state: 'warning', code: 'storage-full', remedy: 'free some space before it is full' },
  // This computer
  'node-old': {
    state: 'failed',
    code: 'unsupported',
    remedy: 'run ztm by its own launcher, which brings the right Node, or install Node 24',
  },
  'clock-unset': { state: 'failed', code: 'clock-skew', remedy: 'set the clock: `timedatectl set-ntp true`' },
  'files-limit-low': {
    state: 'warning',
    code: 'too-many',
    remedy: 'raise it: `ulimit -n 65536` before `ztm run`; a service of `ztm start` has enough',
  },
  'proxy-set': {
    state: 'warning',
    code: 'unsupported',
    remedy: 'links to hubs do not use it: if only the proxy leads out of this network, they cannot be made',
  },
  'service-failed': {
    state: 'failed',
    code: 'system-failed',
    remedy: 'see why with `ztm log {role}` or `journalctl -u ztm-{role}`, then `ztm start {role}`',
  },
  'service-disabled': {
    state: 'warning',
    code: 'system-failed',
    remedy: 'it will not come back after a boot: `ztm start {role}` enables it',
  },
  // The agent
  'agent-down': {
    state: 'failed',
    code: 'agent-down',
    remedy: 'start it: `ztm start agent` or `ztm run agent`; why it ended may be in `ztm log agent`',
  },
  'agent-stuck': {
    state: 'failed',
    code: 'timed-out',
    remedy: 'end it and start it again: `ztm stop agent`, or kill its process, then `ztm start agent`',
  },
  'agent-foreign': {
    state: 'failed',
    code: 'not-permitted',
    remedy: 'run ztm as the user whose agent it is, or choose another folder with --data',
  },
  'agent-not-logged-in': {
    state: 'failed',
    code: 'not-logged-in',
    remedy: 'put the token of that agent into ZTM_TOKEN: there, `ztm gui --no-open -o json` shows it',
  },
  'agent-strange': {
    state: 'failed',
    code: 'bad-message',
    remedy:
      'something else may listen there, or an agent of another version: restart it, look at ZTM_AGENT and `ztm config`',
  },
  'agent-other-version': {
    state: 'warning',
    code: 'unsupported',
    remedy: 'restart it, so that it runs what is installed: `ztm stop agent`, `ztm start agent`',
  },
  'web-port-taken': {
    state: 'warning',
    code: 'port-in-use',
    remedy: 'end that program, or start the agent with another port: --listen 127.0.0.1:7778',
  },
  'port-mapping-failed': {
    state: 'warning',
    code: 'unreachable',
    remedy:
      'switch UPnP or NAT-PMP on in the router, or forward a port there by hand: `ztm run agent --peer-port PORT --advertise IP:PORT`; punched and relayed paths work without',
  },
  'mesh-unknown': {
    state: 'failed',
    code: 'not-joined',
    remedy: 'name a mesh that is joined: `ztm get mesh`, `ztm config --mesh NAME`',
  },
  'no-mesh': {
    state: 'warning',
    code: 'not-joined',
    remedy: 'join one: `ztm join MESH --as NAME --permit FILE`',
  },
  'mesh-disabled': { state: 'warning', code: 'offline', remedy: 'go online: `ztm enable mesh {mesh}`' },
  'mesh-offline': { state: 'failed', code: 'offline', remedy: 'see `ztm log agent --since 10m`' },
  evicted: {
    state: 'failed',
    code: 'evicted',
    remedy: 'ask an administrator to undo it (`ztm get eviction`), or leave and join with a new permit',
  },
  'certificate-refused': {
    state: 'failed',
    code: 'not-trusted',
    remedy:
      'the hub does not know this endpoint: leave and join again: `ztm leave {mesh}`, `ztm join {mesh} …`',
  },
  'own-certificate-ended': {
    state: 'failed',
    code: 'certificate-expired',
    remedy: 'set the clock if it is wrong; else leave and join again with a permit: `ztm leave {mesh}`',
  },
  'own-certificate-late': {
    state: 'warning',
    code: 'certificate-expired',
    remedy: 'it should have been renewed by now: see `ztm log agent --level warn`',
  },
  'inbound-port-taken': {
    state: 'failed',
    code: 'port-in-use',
    remedy:
      'end that program (`ss -ltnp`), or open the inbound on another port: `ztm tunnel open inbound {tunnel} --listen …`',
  },
  'inbound-closed': {
    state: 'failed',
    code: 'not-permitted',
    remedy:
      'open it elsewhere: `ztm tunnel open inbound {tunnel} --listen …`; ports below 1024 need a right of their own',
  },
  'target-down': {
    state: 'warning',
    code: 'target-refused',
    remedy: 'start what should listen there, or correct it: `ztm tunnel open outbound {tunnel} --targets …`',
  },
  'service-not-hosted': {
    state: 'failed',
    code: 'name-taken',
    remedy: 'another user owns that name: open the outbound under another',
  },
  // The hub on this computer
  'hub-down': {
    state: 'failed',
    code: 'agent-down',
    remedy: 'start it: `ztm start hub` or `ztm run hub`; why it ended may be in `ztm log hub`',
  },
  'hub-stuck': {
    state: 'failed',
    code: 'timed-out',
    remedy: 'end it and start it again: `ztm stop hub`, or kill its process, then `ztm start hub`',
  },
  'hub-foreign': {
    state: 'failed',
    code: 'not-permitted',
    remedy: 'run ztm as the user whose hub it is, or choose another folder with --data',
  },
  'hub-port-taken': {
    state: 'warning',
    code: 'port-in-use',
    remedy: 'end that program (`ss -ltnp`), or start the hub with another port: --listen and --names',
  },
  'hub-name-local': {
    state: 'warning',
    code: 'bad-input',
    remedy: 'agents elsewhere cannot use it: start the hub again with --names and its public address',
  },
  'hub-port-differs': {
    state: 'warning',
    code: 'bad-input',
    remedy: 'right only where a router or proxy forwards one to the other',
  },
  'hub-certificate-late': {
    state: 'failed',
    code: 'certificate-expired',
    remedy: 'restart the hub, which makes a new one; see `ztm log hub --level warn`',
  },
  // The way to a hub
  'name-unknown': {
    state: 'failed',
    code: 'unreachable',
    remedy: 'correct the name in the permit or at the hub (--names), or add it to the DNS',
  },
  'names-unanswered': {
    state: 'failed',
    code: 'unreachable',
    remedy: 'is this computer connected? See /etc/resolv.conf; a hub can also be named by its IP address',
  },
  'no-route': { state: 'failed', code: 'unreachable', remedy: 'is this computer connected? See `ip route`' },
  'port-refused': {
    state: 'failed',
    code: 'unreachable',
    remedy: 'start the hub there, or correct the port: `ztm status hub` there shows both',
  },
  'port-silent': {
    state: 'failed',
    code: 'timed-out',
    remedy: 'a firewall drops it, or the address is wrong: allow TCP to that port there and on the way',
  },
  'not-tls': {
    state: 'failed',
    code: 'bad-message',
    remedy: 'another program listens there, or a proxy in between takes TLS apart: correct address and port',
  },
  'handshake-silent': {
    state: 'failed',
    code: 'too-slow',
    remedy: 'the hub is overloaded or stopped (SIGSTOP), or something on the way swallows data: restart it',
  },
  'other-mesh': {
    state: 'failed',
    code: 'not-trusted',
    remedy:
      'that hub is of another mesh, or was set up anew: get a new permit from it. If you did not expect it, do not: somebody may be in between',
  },
  'not-a-hub': {
    state: 'failed',
    code: 'not-trusted',
    remedy: 'an endpoint poses as a hub there: evict it, and correct the address',
  },
  'hub-certificate-ended': {
    state: 'failed',
    code: 'certificate-expired',
    remedy: 'restart the hub there, which makes a new one',
  },
  'hub-mute': { state: 'failed', code: 'bad-message', remedy: 'restart the hub there; see its log' },
  'clock-behind': {
    state: 'failed',
    code: 'clock-skew',
    remedy: 'set the clock of this computer: `timedatectl set-ntp true`',
  },
  'clock-ahead': {
    state: 'failed',
    code: 'clock-skew',
    remedy: 'set the clock of this computer: `timedatectl set-ntp true`',
  },
  'clock-drifting': {
    state: 'warning',
    code: 'clock-skew',
    remedy: 'keep it in step: `timedatectl set-ntp true`; from five minutes on nothing works',
  },
  // The permit
  'permit-missing': {
    state: 'failed',
    code: 'not-found',
    remedy: 'give the right path; a hub prints its root permit with `ztm permit`',
  },
  'permit-unreadable': {
    state: 'failed',
    code: 'not-permitted',
    remedy: '`sudo chown $(id -u) {file}`, or copy it as its owner',
  },
  'permit-open': {
    state: 'warning',
    code: 'not-permitted',
    remedy: 'it is as good as a password: `chmod 600 {file}`',
  },
  'permit-broken': {
    state: 'failed',
    code: 'bad-permit',
    remedy: 'copy it again, whole; or get a new one with `ztm invite` or `ztm permit`',
  },
  'permit-ended': { state: 'failed', code: 'permit-expired', remedy: 'ask for a new one: `ztm invite USER`' },
  'permit-local': {
    state: 'warning',
    code: 'bad-permit',
    remedy:
      'it works on the computer of the hub alone: start the hub with --names and its public address, then `ztm permit`',
  },
  'permit-other-mesh': {
    state: 'warning',
    code: 'bad-permit',
    remedy: 'it is of another mesh than those joined: right for joining that one, wrong for rejoining',
  },
} as const satisfies Record<string, FaultKind>

/** The name of a fault; stable, for programs. */
export type FaultName = keyof typeof FAULTS

/** What one check found. */
export interface Finding {
  /** What was looked at, for a person. */
  readonly check: string
  readonly state: 'ok' | 'warning' | 'failed' | 'skipped'
  readonly detail: string
  /** What is wrong; absent where nothing is. */
  readonly fault?: FaultName
  readonly remedy?: string
}

/** A check that found nothing wrong. */
export function fine(check: string, detail: string): Finding {
  return { check, state: 'ok', detail }
}

/** A check that could not be made, and why. */
export function skipped(check: string, detail: string): Finding {
  return { check, state: 'skipped', detail }
}

/**
 * A check that found a fault.
 *
 * @param detail  what exactly was found
 * @param values  for the `{…}` of the fault's remedy
 */
export function faulty(
  check: string,
  fault: FaultName,
  detail: string,
  values: Readonly<Record<string, string>> = {},
): Finding {
  const { state, remedy }: FaultKind = FAULTS[fault]
  const filled = remedy.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)
  return { check, state, detail, fault, remedy: filled }
}

/** How long one step of a check may take: `--timeout`, else 4 s; what is well answers in milliseconds. */
export function stepMs({ options }: Cli): number {
  return options.timeout ?? 4_000
}
