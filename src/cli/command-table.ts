import type { CommandEntry } from './context.ts'
import { SELF } from './root-command.ts'

const FIRST = 'Run:'
const MESH = 'Mesh:'
const LOOK = 'Look:'
const APPS = 'Apps:'
const CONTROLLER = 'Controller:'

/** All commands, in the order of `ztm help`. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'start',
    group: FIRST,
    summary: 'Install and start a hub or agent as a service',
    load: async () => (await import('./commands/start.ts')).defineStart,
  },
  {
    name: 'run',
    group: FIRST,
    summary: 'Run a hub or agent in the foreground',
    load: async () => (await import('./commands/run.ts')).defineRun,
  },
  {
    name: 'stop',
    group: FIRST,
    summary: 'Stop a hub or agent',
    load: async () => (await import('./commands/stop.ts')).defineStop,
  },
  {
    name: 'status',
    group: FIRST,
    summary: 'Show what runs, since when, and how it is',
    load: async () => (await import('./commands/status.ts')).defineStatus,
  },
  {
    name: 'doctor',
    group: FIRST,
    summary: 'Find out what is wrong, and what to do about it',
    load: async () => (await import('./commands/doctor.ts')).defineDoctor,
  },
  {
    name: 'log',
    group: FIRST,
    summary: 'Show the log of a hub, an agent or an app',
    load: async () => (await import('./commands/log.ts')).defineLog,
  },
  {
    name: 'join',
    group: MESH,
    summary: 'Join a mesh with a permit',
    load: async () => (await import('./commands/join.ts')).defineJoin,
  },
  {
    name: 'leave',
    group: MESH,
    summary: 'Leave a mesh',
    load: async () => (await import('./commands/leave.ts')).defineLeave,
  },
  {
    name: 'enable',
    group: MESH,
    summary: 'Go online in a mesh',
    load: async () => (await import('./commands/enable.ts')).defineEnable,
  },
  {
    name: 'disable',
    group: MESH,
    summary: 'Go offline in a mesh without leaving it',
    load: async () => (await import('./commands/enable.ts')).defineDisable,
  },
  {
    name: 'invite',
    group: MESH,
    summary: 'Make a one-time permit for a user',
    load: async () => (await import('./commands/invite.ts')).defineInvite,
  },
  {
    name: 'evict',
    group: MESH,
    summary: 'Put a user or an endpoint out of the mesh, or undo it',
    load: async () => (await import('./commands/evict.ts')).defineEvict,
  },
  {
    name: 'drain',
    group: MESH,
    summary: 'Have a hub relay nothing new, so that it can be stopped',
    load: async () => (await import('./commands/drain.ts')).defineDrain,
  },
  {
    name: 'delete',
    group: MESH,
    summary: 'Remove an endpoint, take an invitation back, or delete what the controller keeps',
    load: async () => (await import('./commands/delete.ts')).defineDelete,
  },
  {
    name: 'users',
    group: MESH,
    summary: 'List users, and change groups of them',
    load: async () => (await import('./commands/users.ts')).defineUsers,
  },
  {
    name: 'label',
    group: MESH,
    summary: 'Show or change the labels of an endpoint',
    load: async () => (await import('./commands/label.ts')).defineLabel,
  },
  {
    name: 'permit',
    group: MESH,
    summary: 'Print the root permit of the hub on this computer',
    load: async () => (await import('./commands/permit.ts')).definePermit,
  },
  {
    name: 'identity',
    group: MESH,
    summary: 'Print the public key of this computer, for an invitation bound to it',
    load: async () => (await import('./commands/identity.ts')).defineIdentity,
  },
  {
    name: 'get',
    group: LOOK,
    summary: 'List what there is in the mesh, and what the controller keeps',
    load: async () => (await import('./commands/get.ts')).defineGet,
  },
  {
    name: 'describe',
    group: LOOK,
    summary: 'Show one thing in full',
    load: async () => (await import('./commands/describe.ts')).defineDescribe,
  },
  {
    name: 'ping',
    group: LOOK,
    summary: 'Measure the way to an endpoint',
    load: async () => (await import('./commands/ping.ts')).definePing,
  },
  {
    name: 'reach',
    group: LOOK,
    summary: 'Find out whether something can be reached, and why not',
    load: async () => (await import('./commands/reach.ts')).defineReach,
  },
  {
    name: 'top',
    group: LOOK,
    summary: 'Show open sessions, and an hour of traffic and latency',
    load: async () => (await import('./commands/top.ts')).defineTop,
  },
  {
    name: 'gui',
    group: LOOK,
    summary: 'Open the web page of the agent, logged in',
    load: async () => (await import('./commands/gui.ts')).defineGui,
  },
  {
    name: 'create',
    group: CONTROLLER,
    summary: 'Create a service, identity, policy, signer, config …',
    load: async () => (await import('./commands/create.ts')).defineCreate,
  },
  {
    name: 'update',
    group: CONTROLLER,
    summary: 'Change one',
    load: async () => (await import('./commands/create.ts')).defineUpdate,
  },
  {
    name: 'apply',
    group: CONTROLLER,
    summary: 'Make the controller keep what a file declares',
    load: async () => (await import('./commands/apply.ts')).defineApply,
  },
  {
    name: 'export',
    group: CONTROLLER,
    summary: 'Print what the controller keeps, as a file for apply',
    load: async () => (await import('./commands/apply.ts')).defineExport,
  },
  {
    name: 'policy',
    group: CONTROLLER,
    summary: 'Say which policy decides',
    load: async () => (await import('./commands/policy.ts')).definePolicy,
  },
  {
    name: 'billing',
    group: CONTROLLER,
    summary: 'Show what was charged, and where those who counted differ',
    load: async () => (await import('./commands/billing.ts')).defineBilling,
  },
  {
    name: 'tunnel',
    group: APPS,
    summary: 'TCP and UDP tunnels between endpoints',
    load: async () => (await import('./commands/tunnel.ts')).defineTunnel,
  },
  {
    name: 'proxy',
    group: APPS,
    summary: 'SOCKS 5 and HTTP proxy whose way out is another endpoint',
    load: async () => (await import('./commands/proxy.ts')).defineProxy,
  },
  {
    name: 'script',
    group: APPS,
    summary: 'Run a script on one or many endpoints',
    takesEndpoints: true,
    load: async () => (await import('./commands/script.ts')).defineScript,
  },
  {
    name: 'terminal',
    group: APPS,
    summary: 'Terminals and commands on another endpoint',
    load: async () => (await import('./commands/terminal.ts')).defineTerminal,
  },
  {
    name: 'file',
    group: APPS,
    summary: 'Publish, find and fetch files of the mesh',
    load: async () => (await import('./commands/file.ts')).defineFile,
  },
  {
    name: 'cloud',
    group: APPS,
    summary: 'The same, with a folder for downloads',
    load: async () => (await import('./commands/cloud.ts')).defineCloud,
  },
  {
    name: 'install',
    group: APPS,
    summary: 'Install an app that somebody of the mesh published',
    load: async () => (await import('./commands/install.ts')).defineInstall,
  },
  {
    name: 'rollback',
    group: APPS,
    summary: 'Go back to the version of an app before this one',
    load: async () => (await import('./commands/rollback.ts')).defineRollback,
  },
  {
    name: 'erase',
    group: APPS,
    summary: 'Erase an installed app and what it kept, or a file',
    load: async () => (await import('./commands/erase.ts')).defineErase,
  },
  {
    name: 'download',
    group: APPS,
    summary: 'Fetch a file of the mesh',
    load: async () => (await import('./commands/download.ts')).defineDownload,
  },
  {
    name: 'publish',
    group: APPS,
    summary: 'Publish an app or a file to the mesh',
    load: async () => (await import('./commands/publish.ts')).definePublish,
  },
  {
    name: 'unpublish',
    group: APPS,
    summary: 'Take back what was published',
    load: async () => (await import('./commands/unpublish.ts')).defineUnpublish,
  },
  {
    name: 'publisher',
    group: APPS,
    summary: 'Show, export or import the key that signs what you publish',
    load: async () => (await import('./packages/app-publish.ts')).definePublisher,
  },
  {
    name: 'app',
    group: APPS,
    summary: 'Make apps: a new one, run it, test it; and set what an app reads',
    load: async () => (await import('./commands/app.ts')).defineApp,
  },
  {
    name: 'config',
    group: SELF,
    summary: 'Show or change the defaults of the command line',
    load: async () => (await import('./commands/config.ts')).defineConfig,
  },
  {
    name: 'completion',
    group: SELF,
    summary: 'Print a completion script for a shell',
    load: async () => (await import('./commands/completion.ts')).defineCompletion,
  },
  {
    name: 'version',
    group: SELF,
    summary: 'Show the version',
    load: async () => (await import('./commands/version.ts')).defineVersion,
  },
  {
    name: '__complete',
    group: SELF,
    summary: 'Answer a completion script',
    isHidden: true,
    load: async () => (await import('./commands/complete.ts')).defineComplete,
  },
]
