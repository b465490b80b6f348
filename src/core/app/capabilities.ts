import { z } from 'zod'
import { MeshError, toMeshError } from '../model/errors.ts'
import { parseServiceName } from '../model/names.ts'
import { quote } from '../model/quote.ts'
import { parsePortSet, parseTargetPattern } from '../model/target-pattern.ts'

/** Lines of one capability, `CAPABILITY_LIMITS.lines` at most, each once. */
const lines = (check: (text: string) => unknown, example: string) =>
  z
    .array(
      z
        .string()
        .min(1)
        .max(CAPABILITY_LIMITS.lineLength)
        .superRefine((text, context) => {
          try {
            check(text)
          } catch (thrown) {
            context.addIssue({ code: 'custom', message: toMeshError(thrown).message })
          }
        })
        .meta({ examples: [example] }),
    )
    .max(32)
    .transform(texts => [...new Set(texts)])
    .default([])

/** How much an app may ask for. Counts, lengths in UTF-16 units, sizes in MiB, shares of one core in percent. */
export const CAPABILITY_LIMITS = {
  lineLength: 256,
  defaultMemoryMb: 128,
  minMemoryMb: 32,
  maxMemoryMb: 4_096,
  defaultCpuPercent: 50,
  minCpuPercent: 1,
  maxCpuPercent: 400,
} as const

/**
 * What an app asks for in its `app.json`, and, narrowed by the person who installs it, what it is given. The list is
 * closed: what is not here, no app from elsewhere has. Everything is absent, empty or `false` unless it is asked for, and an
 * app may always log, know the time, read its own package, and reach its own counterpart on other endpoints.
 */
export const capabilitiesShape = z.strictObject({
  /** Services it may dial: `tcp/web`, all that begin alike: `tcp/notes-*`, all: `*`. */
  dial: lines(parseServicePattern, 'tcp/web'),
  /** Services it may host, written alike. */
  serve: lines(parseServicePattern, 'tcp/notes'),
  /** Files and folders (with all below) of this computer. Who may write there may read there. */
  files: z
    .strictObject({ read: lines(checkFileRoot, '~/notes'), write: lines(checkFileRoot, '~/notes/out') })
    .prefault({}),
  /** Addresses outside the mesh it may connect to: `example.com:443`, `*.example.com:80,443`, `10.0.0.0/8:*`. */
  network: lines(parseNetworkPattern, 'example.com:443'),
  /** Addresses of this computer it may listen on, written alike: `127.0.0.1:8080`. */
  listen: lines(parseNetworkPattern, '127.0.0.1:8080'),
  /** Programs it may run, with all the rights of the agent: a name found by PATH, or a whole path. */
  run: lines(checkProgram, 'git'),
  /** Small records of its own, kept on the endpoint. */
  storage: z.boolean().default(false),
  /** Files that are published in the mesh, as this endpoint's user sees them. */
  meshFiles: z.enum(['none', 'read', 'write']).default('none'),
  /** The most memory its process may have. */
  memoryMb: z
    .int()
    .min(CAPABILITY_LIMITS.minMemoryMb)
    .max(CAPABILITY_LIMITS.maxMemoryMb)
    .default(CAPABILITY_LIMITS.defaultMemoryMb),
  /** How much of one core it may use for long. */
  cpuPercent: z
    .int()
    .min(CAPABILITY_LIMITS.minCpuPercent)
    .max(CAPABILITY_LIMITS.maxCpuPercent)
    .default(CAPABILITY_LIMITS.defaultCpuPercent),
})

/** What an app asks for, or is given. */
export type Capabilities = z.output<typeof capabilitiesShape>

/** One thing an app asks for, to show and to choose. */
export interface CapabilityLine {
  /** How `--grant` names it: `network:example.com:443`, `storage`. */
  readonly key: string
  /** For the person who decides: "may …". */
  readonly says: string
  /** It reaches beyond the app's own data: the computer, the network, other services. */
  readonly isSensitive: boolean
}

/**
 * What is asked for, line by line, the weightiest first. Memory and processor time are no lines: they are limits, not
 * gifts.
 */
export function describeCapabilities(asked: Capabilities): CapabilityLine[] {
  const each = (word: string, texts: readonly string[], says: (text: string) => string) =>
    texts.map(text => ({ key: `${word}:${text}`, says: says(text), isSensitive: true }))
  const meshFiles = {
    key: `mesh-files:${asked.meshFiles}`,
    says: asked.meshFiles === 'write' ? 'read and publish files of the mesh' : 'read files of the mesh',
    isSensitive: true,
  }
  return [
    ...each('run', asked.run, text => `run ${text}, which may do everything you may`),
    ...each('write', asked.files.write, text => `read and change ${text} and all below it`),
    ...each('read', asked.files.read, text => `read ${text} and all below it`),
    ...each('network', asked.network, text => `connect to ${text} outside the mesh`),
    ...each('listen', asked.listen, text => `accept connections at ${text}`),
    ...each('dial', asked.dial, text => `use ${text === '*' ? 'every service' : `service ${text}`} as you`),
    ...each('serve', asked.serve, text => `offer ${text === '*' ? 'any service' : `service ${text}`} as you`),
    ...(asked.meshFiles === 'none' ? [] : [meshFiles]),
    ...(asked.storage ? [{ key: 'storage', says: 'keep records of its own here', isSensitive: false }] : []),
  ]
}

/**
 * Give of what is asked for the lines of these keys; memory and processor time stay as asked.
 *
 * @param keys  as `describeCapabilities` names them
 * @throws MeshError `bad-input` for a key that is not asked for
 */
export function grantOnly(asked: Capabilities, keys: Iterable<string>): Capabilities {
  const wanted = new Set(keys)
  const known = new Set(describeCapabilities(asked).map(({ key }) => key))
  for (const key of wanted) {
    if (known.has(key)) continue
    const list = known.size === 0 ? 'it asks for nothing' : `it asks for ${[...known].join(', ')}`
    throw new MeshError('bad-input', `Cannot grant ${quote(key)}: the app does not ask for it: ${list}`)
  }
  const only = (word: string, texts: readonly string[]) => texts.filter(text => wanted.has(`${word}:${text}`))
  return {
    ...asked,
    dial: only('dial', asked.dial),
    serve: only('serve', asked.serve),
    files: { read: only('read', asked.files.read), write: only('write', asked.files.write) },
    network: only('network', asked.network),
    listen: only('listen', asked.listen),
    run: only('run', asked.run),
    storage: asked.storage && wanted.has('storage'),
    meshFiles: wanted.has(`mesh-files:${asked.meshFiles}`) ? asked.meshFiles : 'none',
  }
}

/** What is asked for, line by line, and whether it is granted already: what an update asks for beyond that, a person is asked. */
export function compareWithGrants(
  asked: Capabilities,
  granted: Capabilities | undefined,
): (CapabilityLine & { readonly isGranted: boolean })[] {
  const had = new Set(granted === undefined ? [] : describeCapabilities(granted).map(({ key }) => key))
  if (granted?.meshFiles === 'write') had.add('mesh-files:read')
  return describeCapabilities(asked).map(line => ({ ...line, isGranted: had.has(line.key) }))
}

/**
 * Services, by name or by how it begins. None fits an app service of the system, `tcp/.…`, but one that is named in full.
 *
 * @throws MeshError `bad-input`, `bad-name`
 */
export function parseServicePattern(text: string): (service: string) => boolean {
  const isHidden = (service: string) => service.startsWith('.', service.indexOf('/') + 1)
  if (text === '*') return service => !isHidden(service)
  if (!text.endsWith('*')) {
    const name = parseServiceName(text)
    return service => service === name
  }
  const begin = text.slice(0, -1)
  if (begin.includes('*') || !/^(?:tcp|udp)\//.test(begin))
    throw new MeshError('bad-input', `Cannot use services ${quote(text)}: write tcp/NAME, tcp/BEGIN* or *`)
  if (begin.length > 4) parseServiceName(begin)
  return service => service.startsWith(begin) && !isHidden(service)
}

/**
 * `HOST:PORTS`: hosts as `parseTargetPattern` reads them (IPv6 in brackets), ports as `parsePortSet`.
 *
 * @throws MeshError `bad-input`
 */
export function parseNetworkPattern(text: string): (host: string, port: number) => boolean {
  const [, bracketed, plain, ports] = /^(?:\[([^[\]]+)\]|([^:[\]]+)):([^:]+)$/.exec(text) ?? []
  const host = bracketed ?? plain
  if (host === undefined || ports === undefined)
    throw new MeshError(
      'bad-input',
      `Cannot use address ${quote(text)}: write HOST:PORT, *.HOST:80,443 or 10.0.0.0/8:*`,
    )
  const [hosts, set] = [parseTargetPattern(host), parsePortSet(ports)]
  return (name, port) => hosts.fits(name) && set.has(port)
}

/** A folder or file: from the root, or from the home folder of whoever runs the agent (`~`). */
function checkFileRoot(text: string): void {
  const isRooted = /^(?:\/|~$|~\/|[A-Za-z]:[\\/])/.test(text)
  const isPlain = !/[\p{Cc}\p{Cs}*?]/u.test(text) && !text.split(/[\\/]/).includes('..')
  if (!isRooted || !isPlain)
    throw new MeshError('bad-input', `Cannot use folder ${quote(text)}: write /PATH or ~/PATH, without ..`)
}

function checkProgram(text: string): void {
  if (!/^[\p{L}\p{N}_+./\\:~ -]+$/u.test(text) || text.split(/[\\/]/).includes('..') || text.trim() !== text)
    throw new MeshError('bad-input', `Cannot use program ${quote(text)}: write a name, or a whole path`)
}
