import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'

import { ms } from '../core/model/time.ts'
import { makeScratchFolder } from '../testing/scratch-folder.ts'
import { mountSmallDisk } from '../testing/small-disk.ts'
import { openLogFile } from './log-file.ts'
import { readLogFile } from './log-reader.ts'

describe('openLogFile()', () => {
  it('writes one JSON line an event, at once, with mode 0600', async () => {
    using scratch = makeScratchFolder()
    const file = scratch.file('hub.log')
    await using log = openLogFile({ file, clock: CLOCK })
    log.info('link.opened', {
      peer: 'bob',
      rttMs: 3,
      isDirect: true,
      hubs: ['a', 'b'],
      user: null,
      no: undefined,
    })
    log.error('hub.stopped')
    assert.deepEqual(readFileSync(file, 'utf8').split('\n'), [
      '{"level":"info","time":"2026-11-20T19:22:01.007Z","event":"link.opened","peer":"bob","rttMs":3,"isDirect":true,' +
        '"hubs":["a","b"],"user":null}',
      '{"level":"error","time":"2026-11-20T19:22:01.007Z","event":"hub.stopped"}',
      '',
    ])
    assert.equal(statSync(file).mode & 0o777, 0o600)
  })

  it('goes on in a file that exists, and takes the rights of others on it back', async () => {
    using scratch = makeScratchFolder()
    const file = scratch.file('hub.log')
    writeFileSync(file, 'before\n')
    chmodSync(file, 0o644)
    await using log = openLogFile({ file, clock: CLOCK })
    log.info('hub.started')
    assert.match(readFileSync(file, 'utf8'), /^before\n\{.*"hub\.started"\}\n$/)
    assert.equal(statSync(file).mode & 0o777, 0o600)
  })

  it('writes only events of its level and above, which may change', async () => {
    using scratch = makeScratchFolder()
    const file = scratch.file('hub.log')
    await using log = openLogFile({ file, level: 'warn' })
    const logAll = () => {
      log.debug('a.debug')
      log.info('a.info')
      log.warn('a.warn')
      log.error('a.error')
    }
    logAll()
    log.level = 'debug'
    logAll()
    assert.equal(log.level, 'debug')
    assert.deepEqual(await eventsOf(file), ['a.warn', 'a.error', 'a.debug', 'a.info', 'a.warn', 'a.error'])
  })

  it('keeps so many files of so many bytes, and no line is split or lost between them', async () => {
    using scratch = makeScratchFolder()
    const file = scratch.file('hub.log')
    await using log = openLogFile({ file, maxBytes: 2_000, keepCount: 3, clock: CLOCK })
    for (let index = 0; index < 100; index += 1) log.info('a.line', { index })
    assert.deepEqual(readdirSync(scratch.path).sort(), ['hub.log', 'hub.log.1', 'hub.log.2'])
    for (const name of readdirSync(scratch.path)) {
      const { size, mode } = statSync(scratch.file(name))
      assert.ok(size <= 2_000, `${name} has ${size} bytes`)
      assert.equal(mode & 0o777, 0o600)
    }
    const indexes = (await readLogFile({ file })).map(({ fields }) => Number(fields.index))
    assert.deepEqual(
      indexes,
      Array.from({ length: indexes.length }, (_, nth) => 100 - indexes.length + nth),
    )
    assert.ok(indexes.length > 40, `${indexes.length} lines kept`)
  })

  it('counts what the file had when it was opened, and begins anew when it keeps only one', async () => {
    using scratch = makeScratchFolder()
    const file = scratch.file('hub.log')
    writeFileSync(file, 'x'.repeat(990))
    await using log = openLogFile({ file, maxBytes: 1_000, keepCount: 1 })
    log.info('hub.started')
    assert.deepEqual(readdirSync(scratch.path), ['hub.log'])
    assert.deepEqual(await eventsOf(file), ['hub.started'])
    assert.ok(statSync(file).size < 100)
  })

  it('goes on when a person emptied the file or took it away', async () => {
    using scratch = makeScratchFolder()
    const file = scratch.file('hub.log')
    await using log = openLogFile({ file, maxBytes: 500, clock: CLOCK })
    for (let index = 0; index < 6; index += 1) log.info('a.line', { index })
    truncateSync(file)
    for (let index = 6; index < 10; index += 1) log.info('a.line', { index })
    assert.deepEqual(readdirSync(scratch.path), ['hub.log'])
    rmSync(file)
    for (let index = 10; index < 20; index += 1) log.info('a.line', { index })
    assert.equal((await readLogFile({ file })).at(-1)?.fields.index, 19)
  })

  it('never throws into its caller, whatever the fields are', async () => {
    using scratch = makeScratchFolder()
    const file = scratch.file('hub.log')
    await using log = openLogFile({ file, clock: CLOCK })
    const trap = {
      get peer(): string {
        throw new Error('trap')
      },
    }
    log.info('a.trap', trap)
    log.info('a.strange', { big: 1n, thing: { a: 1 }, list: [1, {}], nan: Number.NaN } as never)
    const [line] = await readLogFile({ file })
    assert.deepEqual(line?.fields, {
      big: '[bigint]',
      thing: '[object]',
      list: ['[number]', '[object]'],
      nan: null,
    })
  })

  it('refuses when the folder does not exist or a limit is none', () => {
    using scratch = makeScratchFolder()
    assert.throws(() => openLogFile({ file: scratch.file('none/hub.log') }), { code: 'storage-failed' })
    assert.throws(() => openLogFile({ file: scratch.file('hub.log'), maxBytes: 0 }), { code: 'bad-input' })
    assert.throws(() => openLogFile({ file: scratch.file('hub.log'), keepCount: Number.NaN }), {
      code: 'bad-input',
    })
  })

  it('writes nothing more, and does not throw, after it was disposed', async () => {
    using scratch = makeScratchFolder()
    const file = scratch.file('hub.log')
    const log = openLogFile({ file })
    log.info('hub.stopped')
    await log[Symbol.asyncDispose]()
    await log[Symbol.asyncDispose]()
    log.error('hub.late')
    assert.deepEqual(await eventsOf(file), ['hub.stopped'])
  })
})

describe('openLogFile() when the disk is full', () => {
  it('does not throw, writes what waited once there is room, and tells what was lost', async t => {
    using disk = mountSmallDisk(t, 4 * 1024 * 1024)
    if (disk === undefined) return
    const file = disk.file('hub.log')
    await using log = openLogFile({ file, clock: CLOCK })
    log.info('a.before')
    const free = disk.fill()
    const text = 'x'.repeat(1_000)
    // About 2 MiB: half of it fits into memory.
    for (let index = 0; index < 2_000; index += 1) log.info('a.line', { index, text })
    free()
    log.info('a.after')
    const lines = await readLogFile({ file, limit: 10_000 })
    const kept = lines.filter(({ event }) => event === 'a.line').map(({ fields }) => Number(fields.index))
    assert.ok(kept.length > 900 && kept.length < 1_100, `${kept.length} lines kept`)
    assert.deepEqual(
      kept,
      Array.from({ length: kept.length }, (_, index) => index),
    )
    assert.deepEqual(
      lines.filter(({ event }) => event !== 'a.line').map(({ event, fields }) => [event, fields]),
      [
        ['a.before', {}],
        ['log.lost', { lostCount: 2_000 - kept.length }],
        ['a.after', {}],
      ],
    )
  })

  it('keeps what it wrote, and closes, when there is no room any more', async t => {
    using disk = mountSmallDisk(t, 64 * 1024)
    if (disk === undefined) return
    const file = disk.file('hub.log')
    const log = openLogFile({ file, maxBytes: 30_000, keepCount: 10 })
    for (let index = 0; index < 2_000; index += 1) log.info('a.line', { index })
    await log[Symbol.asyncDispose]()
    const [first] = await readLogFile({ file, limit: 10_000 })
    assert.equal(first?.fields.index, 0)
  })
})

describe('openLogFile() with alsoTo stderr-pretty', () => {
  it('shows each event as a line for a person, without secrets or control characters', async () => {
    using scratch = makeScratchFolder()
    const talk = spawnSync(process.execPath, [TALKER, scratch.file('agent.log')], { encoding: 'utf8' })
    assert.equal(talk.stdout, 'done\n')
    assert.equal(
      talk.stderr,
      '2026-11-20 19:22:01 info link.opened peer=bob rttMs=3\n' +
        '2026-11-20 19:22:01 warn link.closed reason="line one\\nline \\u001b[31mtwo" token=***\n',
    )
    assert.deepEqual(await eventsOf(scratch.file('agent.log')), ['link.opened', 'link.closed'])
  })

  it('goes on when nobody reads stderr any more', async () => {
    using scratch = makeScratchFolder()
    const child = spawn(process.execPath, [TALKER, scratch.file('agent.log')], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    child.stderr.destroy()
    const ended = once(child, 'exit')
    const [said] = await once(child.stdout, 'data')
    assert.equal(String(said), 'done\n')
    assert.deepEqual(await ended, [0, null])
    assert.deepEqual(await eventsOf(scratch.file('agent.log')), ['link.opened', 'link.closed'])
  })
})

async function eventsOf(file: string): Promise<string[]> {
  return (await readLogFile({ file })).map(({ event }) => event)
}

const CLOCK = { now: () => ms(Date.UTC(2026, 10, 20, 19, 22, 1, 7)) }
const TALKER = fileURLToPath(new URL('../testing/log-talker.ts', import.meta.url))
