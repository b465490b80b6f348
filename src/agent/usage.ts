import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { z } from 'zod'
import { type UsageReport, usageReportShape } from '../core/api/billing-api.ts'
import { CONTROLLER_API } from '../core/api/hub-api.ts'
import { openSpool, type Receipt, type Spool } from '../core/billing/spool.ts'
import { MeshError, toMeshError } from '../core/model/errors.ts'
import type { Log } from '../core/model/log.ts'
import type { Name, ServiceName } from '../core/model/names.ts'
import type { EndpointIdentity } from '../core/model/spiffe-id.ts'
import type { Store } from '../core/model/store.ts'
import { countStream, type StreamCounts } from '../net/stream-counts.ts'
import type { DatagramPath } from '../sdk/app.ts'
import type { HubLink } from './hub-link.ts'

/** A metered stream that is about to open. */
export interface MeteredStream {
  /** Its id, which both ends report. */
  readonly stream: string
  /** Count from now on. @param writtenBefore  bytes that were written to it already */
  start(stream: Duplex, writtenBefore?: number): void
  /** The same datagrams, counted. */
  datagrams(path: DatagramPath): DatagramPath
}

/** What is metered, and by which end. */
export interface MeteredAbout {
  /** Id of the session's ticket. */
  readonly session: string
  /** As the host gave it; made here if absent. */
  readonly stream?: string | undefined
  readonly service: ServiceName
  readonly end: UsageReport['end']
  readonly dialler: EndpointIdentity
  readonly reportEveryMs: number
}

/** Counts what metered streams carry, and reports it to the controller, whatever happens. */
export interface UsageReporter extends AsyncDisposable {
  /** Read what an earlier run has not reported; before any stream is metered. */
  load(): Promise<void>
  /** @throws MeshError `too-many` while more waits to be reported than may be kept */
  requireRoom(service: ServiceName): void
  prepare(about: MeteredAbout): MeteredStream
  /** End streams that were dialled from here. */
  end(services: readonly ServiceName[], reason: MeshError): void
  /** A link is up: report now. */
  online(): void
}

interface OpenStream {
  readonly about: MeteredAbout & { readonly stream: string }
  readonly duplex: Duplex
  readonly report: (isFinal: boolean) => KeptReport
}

const keptShape = usageReportShape.extend({ id: z.string().min(1).max(160) })
type KeptReport = z.output<typeof keptShape>

/** Make the reporter of one mesh. */
export function createUsageReporter(options: {
  readonly mesh: Name
  readonly store: Store
  readonly link: HubLink
  readonly random: () => number
  readonly log: Log
}): UsageReporter {
  return new MeshUsageReporter(options)
}

class MeshUsageReporter implements UsageReporter {
  readonly #options: Parameters<typeof createUsageReporter>[0]
  readonly #open = new Set<OpenStream>()
  readonly #saving = new Set<Promise<void>>()
  #spool: Spool<KeptReport> | undefined
  #timer: NodeJS.Timeout | undefined
  #everyMs = Number.POSITIVE_INFINITY

  constructor(options: Parameters<typeof createUsageReporter>[0]) {
    this.#options = options
  }

  async load(): Promise<void> {
    const { mesh, store, random, log } = this.#options
    this.#spool = await openSpool<KeptReport>({
      store,
      prefix: `usage/${mesh}`,
      shape: keptShape,
      batchCount: BATCH_COUNT,
      send: batch => this.#send(batch),
      // Whatever was open when the program ended is over.
      onLoaded: report => ({ ...report, isFinal: true }),
      after(ms, call) {
        const timer = setTimeout(call, ms)
        return () => clearTimeout(timer)
      },
      random,
      log,
    })
  }

  requireRoom(service: ServiceName): void {
    if (!this.#spool?.isFull) return
    throw new MeshError(
      'too-many',
      `Cannot open stream to "${service}": ${this.#spool.count} reports of usage wait for the controller already`,
    )
  }

  prepare(given: MeteredAbout): MeteredStream {
    const about = { ...given, stream: given.stream ?? randomBytes(16).toString('hex') }
    const beside = { sentBytes: 0, receivedBytes: 0 }
    return {
      stream: about.stream,
      start: (duplex, writtenBefore = 0) => {
        const counts = countStream(duplex, writtenBefore)
        const startMs = performance.now()
        const report = (isFinal: boolean) => reportOf(about, { counts, beside, startMs }, isFinal)
        this.#start({ about, duplex, report })
      },
      datagrams: path => countDatagrams(path, beside),
    }
  }

  end(services: readonly ServiceName[], reason: MeshError): void {
    for (const { about, duplex } of this.#open)
      if (about.end === 'dialler' && services.includes(about.service)) duplex.destroy(reason)
  }

  online(): void {
    this.#spool?.hurry()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer)
    // Those that did not close by now are over all the same.
    for (const one of this.#open) this.#keep(one.report(true))
    this.#open.clear()
    await Promise.all(this.#saving)
    await this.#spool?.[Symbol.asyncDispose]()
  }

  #start(one: OpenStream): void {
    this.#open.add(one)
    one.duplex.once('close', () => {
      if (this.#open.delete(one)) this.#keep(one.report(true))
      if (this.#open.size === 0) this.#stopTimer()
    })
    if (one.about.reportEveryMs >= this.#everyMs) return
    this.#stopTimer()
    this.#everyMs = one.about.reportEveryMs
    this.#timer = setInterval(() => {
      for (const open of this.#open) this.#keep(open.report(false))
    }, this.#everyMs).unref()
  }

  #stopTimer(): void {
    clearInterval(this.#timer)
    this.#everyMs = Number.POSITIVE_INFINITY
  }

  #keep(report: KeptReport): void {
    const saving = this.#spool?.add(report).catch(error => {
      const { service, session, stream, bytesSent, bytesReceived } = report
      const reason = toMeshError(error).message
      this.#options.log.error('usage.lost', { service, session, stream, bytesSent, bytesReceived, reason })
    })
    if (saving === undefined) return
    this.#saving.add(saving)
    void saving.finally(() => this.#saving.delete(saving))
  }

  async #send(batch: readonly KeptReport[]): Promise<readonly Receipt[]> {
    const reports = batch.map(({ id: _, ...report }) => report)
    try {
      const { receipts } = await this.#options.link.call(CONTROLLER_API.reportUsage, { body: { reports } })
      return receipts.map(receipt => (receipt === 'later' ? LATER() : receipt))
    } catch (thrown) {
      const error = toMeshError(thrown)
      // Billing was switched off meanwhile: nobody will ever want these.
      if (error.code === 'unsupported') return batch.map(() => 'refused')
      throw error
    }
  }
}

function reportOf(
  { session, stream, service, end, dialler }: OpenStream['about'],
  { counts, beside, startMs }: { counts: StreamCounts; beside: Beside; startMs: number },
  isFinal: boolean,
): KeptReport {
  const written = counts.writtenBytes + beside.sentBytes
  const read = counts.readBytes + beside.receivedBytes
  const isDialler = end === 'dialler'
  return {
    id: `${end}.${session}.${stream}`,
    session,
    stream,
    service,
    end,
    dialler: { user: dialler.user, endpoint: dialler.endpoint },
    bytesSent: isDialler ? written : read,
    bytesReceived: isDialler ? read : written,
    durationMs: Math.round(performance.now() - startMs),
    isFinal,
  }
}

interface Beside {
  sentBytes: number
  receivedBytes: number
}

function countDatagrams(path: DatagramPath, beside: Beside): DatagramPath {
  let listener: DatagramPath['onDatagram']
  return {
    send(bytes) {
      const isSent = path.send(bytes)
      if (isSent) beside.sentBytes += bytes.byteLength
      return isSent
    },
    get onDatagram() {
      return listener
    },
    set onDatagram(next) {
      listener = next
      path.onDatagram = next && count(next)
    },
  }

  function count(hear: (bytes: Uint8Array) => void) {
    return (bytes: Uint8Array) => {
      beside.receivedBytes += bytes.byteLength
      hear(bytes)
    }
  }
}

const LATER = () =>
  new MeshError('too-many', 'Cannot report usage: too many streams of one user are not charged yet')
/** Reports of one request; at most `MAX_REPORTS`. */
const BATCH_COUNT = 100
