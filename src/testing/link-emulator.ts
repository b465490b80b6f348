import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import type { LinkOrder, LinkReport } from './link-emulator-process.ts'
import type { LinkConditions } from './link-emulator-schedule.ts'
import type { NetHost, NetLab, Plug } from './net-lab.ts'
import { makeScratchFolder } from './scratch-folder.ts'
import { chooseSeed } from './seeded-random.ts'

/** A cable with delay, loss, a rate and a queue, between two computers of a lab. It ends with the lab. */
export interface EmulatedLink {
  /** Change the conditions, of both directions or of each. @returns what the link did so far */
  set(conditions: LinkConditions | LinkOrder): Promise<LinkReport>
  /** What the link did so far. */
  report(): Promise<LinkReport>
}

/**
 * Connect two computers through an emulator: a process in a namespace between them, which reads and writes whole
 * trains of TCP segments and decides for each segment. It carries about 9 Gbit/s of TCP or 100,000 datagrams a second
 * with one processor core.
 *
 * @param conditions  for each direction; what is not said is ideal
 */
export async function connectThroughLink(
  lab: NetLab,
  plugs: { readonly a: Plug; readonly b: Plug },
  conditions: LinkConditions,
): Promise<EmulatedLink> {
  const { a, b } = plugs
  const wire = await lab.addHost(`link${lab.hosts.length}`)
  await lab.connect(a, { host: wire, device: 'sidea' })
  await lab.connect(b, { host: wire, device: 'sideb' })
  for (const side of ['a', 'b']) {
    // No shorter name: ip(8) takes abbreviated words for its own.
    await wire.ip(
      `link add link side${side} name device${side} type macvtap mode passthru`,
      // Multicast too: neighbours of IPv6 are found with it.
      `link set device${side} txqueuelen ${QUEUE_PACKETS} allmulticast on up`,
    )
  }
  const trainPackets = Math.max(
    1,
    Math.min(MAX_TRAIN_PACKETS, Math.floor((conditions.rateMbps ?? 1_000) / 12)),
  )
  for (const { host, device } of [a, b]) await host.ip(`link set ${device} gso_max_segs ${trainPackets}`)
  const child = await startEmulator(wire)
  const tell = async (order: LinkOrder): Promise<LinkReport> => {
    const answer = once(child, 'message')
    child.send(order)
    return (await answer)[0] as LinkReport
  }
  const link: EmulatedLink = {
    set: order =>
      tell('aToB' in order || 'bToA' in order ? order : ({ aToB: order, bToA: order } as LinkOrder)),
    report: () => tell({}),
  }
  await link.set(conditions)
  return link
}

/** The devices are opened by files made for it: those in /dev/ are of no namespace. */
async function startEmulator(wire: NetHost): Promise<ChildProcess> {
  using folder = makeScratchFolder()
  const devices = ['devicea', 'deviceb'].map(name => folder.file(name))
  const make = (path: string) =>
    `mknod ${path} c $(tr : ' ' < $(ls /sys/class/net/$(basename ${path})/macvtap/tap*/dev))`
  for (const path of devices) await wire.run('/bin/sh', ['-ec', make(path)])
  // Before all others: a link does not slow down when the computer is busy.
  const urgent = ['--rr', '1', process.execPath, PROGRAM, ...devices, String(chooseSeed())]
  const child = wire.spawn('chrt', urgent, {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  // It answers when it has opened them.
  const ready = once(child, 'message')
  child.send({})
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the program of a link ended with ${code}`)
  })
  await Promise.race([ready, ended])
  ended.catch(() => {})
  return child
}

const PROGRAM = join(import.meta.dirname, 'link-emulator-process.ts')
/** So long a burst waits for the emulator; what is lost there is not counted. */
const QUEUE_PACKETS = 10_000
/** A train is at most 64 KiB, and at slower rates what leaves in about 1 ms: more would arrive as one burst. */
const MAX_TRAIN_PACKETS = 44
