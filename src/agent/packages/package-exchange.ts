import { createHash } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { CONTROLLER_API } from '../../core/api/hub-api.ts'
import type { Access } from '../../core/api/shapes.ts'
import type { Release } from '../../core/app/release.ts'
import { appServiceOf } from '../../core/model/app-service.ts'
import { MeshError, toMeshError } from '../../core/model/errors.ts'
import type { EndpointId } from '../../core/model/ids.ts'
import type { Log } from '../../core/model/log.ts'
import type { ServiceName, UserName } from '../../core/model/names.ts'
import type { Hosting, Incoming } from '../../sdk/app.ts'
import { hashPackage } from '../../store/package-folder.ts'
import type { Dialer } from '../dialer.ts'
import type { Hostings } from '../hostings.ts'
import type { HubLink } from '../hub-link.ts'

/** How packages are given and fetched. Times in ms. */
export const EXCHANGE_LIMITS = {
  /** Streams that fetch from this endpoint at one time. */
  givenAtOnce: 8,
  /** One that takes nothing for so long is ended. */
  giveIdleMs: 30_000,
  /** A holder that sends nothing for so long is given up. */
  fetchIdleMs: 15_000,
  /** And one that is slower than this on the whole, two such silences aside. */
  fetchBytesPerMs: 64,
  /** Holders that are asked, one after another. */
  holdersTried: 8,
} as const

/**
 * The hidden service by which one user gives a package.
 *
 * @see docs/protocol.md, "Hidden services"
 */
export function packageService(hash: string, holder: UserName): ServiceName {
  return appServiceOf('package', hash, holder, text => createHash('sha256').update(text).digest('hex'))
}

/** What an exchange needs of its membership. */
export interface ExchangeOptions {
  readonly user: UserName
  readonly endpoint: EndpointId
  readonly link: Pick<HubLink, 'call'>
  readonly hostings: Pick<Hostings, 'serve'>
  readonly dialer: Pick<Dialer, 'dial'>
  /** The bytes of a package that is held, or undefined. */
  readonly read: (hash: string) => Promise<Uint8Array | undefined>
  readonly random: () => number
  readonly log: Log
}

/** Gives packages to those who may read them, and fetches them from whoever does. */
export interface PackageExchange extends AsyncDisposable {
  /** Give just these from now on. */
  hold(releases: readonly Release[]): Promise<void>
  /**
   * Fetch the bytes of a release from one holder after another until some has those that were signed.
   *
   * @param onBytes  is told how many of them have come; fewer again when another holder is asked
   * @throws MeshError `offline` if nobody who has it can be reached; else what the last of them failed by
   */
  fetch(release: Release, onBytes?: (receivedBytes: number) => void): Promise<Uint8Array>
}

/** Make the exchange of one mesh. */
export function createPackageExchange(options: ExchangeOptions): PackageExchange {
  const { user, hostings, log } = options
  const held = new Map<string, Hosting>()
  const streams = new Set<Duplex>()

  async function give(hash: string, incoming: Incoming): Promise<void> {
    if (streams.size >= EXCHANGE_LIMITS.givenAtOnce)
      return incoming.refuse(new MeshError('too-many', 'Cannot fetch package: too many do: try again'))
    const stream = incoming.accept()
    streams.add(stream)
    stream.once('close', () => streams.delete(stream))
    stream.on('error', () => {})
    stream.resume()
    try {
      const bytes = await options.read(hash)
      if (bytes === undefined) throw new MeshError('not-found', `Cannot give package ${hash}: it is damaged`)
      for (let at = 0; at < bytes.length && !stream.destroyed; at += CHUNK_BYTES)
        if (!stream.write(bytes.subarray(at, at + CHUNK_BYTES)))
          await within(EXCHANGE_LIMITS.giveIdleMs, done => stream.once('drain', done).once('close', done))
      stream.end()
      await within(EXCHANGE_LIMITS.giveIdleMs, done => stream.once('finish', done).once('close', done))
    } catch (thrown) {
      log.warn('package.not-given', {
        hash,
        peer: incoming.from.endpoint,
        reason: toMeshError(thrown).message,
      })
      stream.destroy()
    }
  }

  return {
    async hold(releases) {
      const wanted = new Map(releases.map(release => [release.hash, release]))
      for (const [hash, hosting] of held) {
        if (wanted.has(hash)) continue
        held.delete(hash)
        await hosting[Symbol.asyncDispose]()
      }
      for (const [hash, release] of wanted) {
        if (held.has(hash)) continue
        try {
          const onStream = (incoming: Incoming) => void give(hash, incoming)
          const access = accessOf(release)
          const hosting = await hostings.serve(packageService(hash, user), { access, onStream })
          hosting.report('up')
          held.set(hash, hosting)
        } catch (thrown) {
          // Whoever installs can do without giving to others.
          log.warn('package.not-hosted', { hash, reason: toMeshError(thrown).message })
        }
      }
    },
    async fetch(release, onBytes = () => {}) {
      const holders = await findHolders(options, release)
      let last = new MeshError(
        'offline',
        `Cannot fetch ${release.name} ${release.version}: nobody who has it is online`,
      )
      for (const holder of holders.slice(0, EXCHANGE_LIMITS.holdersTried)) {
        try {
          const bytes = await fetchFrom(options, { holder, release, onBytes })
          log.info('package.fetched', { hash: release.hash, peer: holder.endpoint, bytes: bytes.length })
          return bytes
        } catch (thrown) {
          last = toMeshError(thrown)
          log.warn('package.not-fetched', {
            hash: release.hash,
            peer: holder.endpoint,
            code: last.code,
            reason: last.message,
          })
        }
      }
      throw last
    },
    async [Symbol.asyncDispose]() {
      for (const hosting of held.values()) await hosting[Symbol.asyncDispose]()
      held.clear()
      for (const stream of streams) stream.destroy()
    },
  }
}

interface Holder {
  readonly service: ServiceName
  readonly owner: UserName
  readonly endpoint: EndpointId
}

/** Everybody who gives it and is online, in no order that could be foreseen. */
async function findHolders(
  { link, endpoint, random }: ExchangeOptions,
  { hash }: Release,
): Promise<Holder[]> {
  const { services } = await link.call(CONTROLLER_API.listServices, {})
  return services
    .filter(({ name, owner }) => name === packageService(hash, owner))
    .flatMap(({ name, owner, hostings }) =>
      hostings
        .filter(hosting => hosting.isOnline && hosting.endpoint !== endpoint)
        .map(hosting => ({ service: name, owner, endpoint: hosting.endpoint })),
    )
    .map(holder => ({ holder, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ holder }) => holder)
}

/** @throws MeshError as `readPackageBytes`, `not-trusted` for other bytes than were signed, and as a dial */
async function fetchFrom(
  { dialer }: ExchangeOptions,
  wish: { holder: Holder; release: Release; onBytes: (receivedBytes: number) => void },
): Promise<Uint8Array> {
  const { holder, release, onBytes } = wish
  const { service, owner, endpoint } = holder
  const { stream } = await dialer.dial(service, { owner, exits: [endpoint] }).opened
  const bytes = await readPackageBytes(stream, release.sizeBytes, EXCHANGE_LIMITS, onBytes)
  if (hashPackage(bytes) === release.hash) return bytes
  throw new MeshError('not-trusted', `Cannot fetch package: ${owner} gave other bytes than were signed`)
}

/**
 * Read so many bytes and the end of a stream, which is destroyed then. Memory grows with what has come, not with what was
 * announced, however small the pieces are.
 *
 * @throws MeshError `too-large` for a byte too many, `link-closed` for one too few, `timed-out` if it is silent or slow
 */
export async function readPackageBytes(
  stream: Duplex,
  sizeBytes: number,
  limits: { readonly fetchIdleMs: number; readonly fetchBytesPerMs: number } = EXCHANGE_LIMITS,
  onBytes: (receivedBytes: number) => void = () => {},
): Promise<Uint8Array> {
  const giveUp = (why: string) => () =>
    stream.destroy(new MeshError('timed-out', `Cannot fetch package: the holder is ${why}`))
  const wholeMs = 2 * limits.fetchIdleMs + sizeBytes / limits.fetchBytesPerMs
  const late = setTimeout(giveUp('too slow'), wholeMs)
  let silent: NodeJS.Timeout | undefined
  stream.on('error', () => {})
  let bytes = Buffer.alloc(Math.min(sizeBytes, CHUNK_BYTES))
  let size = 0
  try {
    silent = setTimeout(giveUp('silent'), limits.fetchIdleMs)
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      silent.refresh()
      if (size + chunk.length > sizeBytes)
        throw new MeshError('too-large', 'Cannot fetch package: more bytes than were signed')
      if (size + chunk.length > bytes.length) {
        const larger = Buffer.alloc(Math.min(sizeBytes, Math.max(bytes.length * 2, size + chunk.length)))
        bytes.copy(larger, 0, 0, size)
        bytes = larger
      }
      chunk.copy(bytes, size)
      size += chunk.length
      onBytes(size)
    }
    if (size === sizeBytes) return bytes
    throw new MeshError('link-closed', 'Cannot fetch package: it ended early')
  } finally {
    clearTimeout(late)
    clearTimeout(silent)
    stream.destroy()
  }
}

/** Whoever may read the release, and nobody else; its provider is not forgotten where others hold it. */
function accessOf({ provider, users, groups }: Release): Access {
  return {
    users: [...new Set([...users, provider])],
    groups: groups as Access['groups'],
    entrances: [],
  } as Access
}

function within(timeoutMs: number, start: (done: () => void) => unknown): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const timer = setTimeout(
    () => reject(new MeshError('too-slow', 'Cannot give package: nobody reads it')),
    timeoutMs,
  )
  start(() => {
    clearTimeout(timer)
    resolve()
  })
  return promise
}

const CHUNK_BYTES = 262_144
