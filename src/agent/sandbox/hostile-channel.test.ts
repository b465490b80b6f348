import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, before, test } from 'node:test'
import { createAppLab } from '../../testing/app-lab.ts'
import { createSandboxLab, type SandboxLab } from '../../testing/sandbox-lab.ts'
import { until } from '../../testing/until.ts'

let lab: SandboxLab
before(async () => {
  lab = await createSandboxLab()
})
after(() => lab[Symbol.asyncDispose]())

/** What a program needs to speak on the channel by itself. */
const BY_HAND = `
  import { writeSync } from 'node:fs'
  const frame = (kind, body) => Buffer.concat([Buffer.from([kind, body.length >> 16, (body.length >> 8) & 255, body.length & 255]), body])
  const say = value => frame(1, Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)))
  const send = bytes => { for (let at = 0; at < bytes.length;) try { at += writeSync(3, bytes, at) } catch (error) { if (error.code !== 'EAGAIN') throw error } }
  setInterval(() => {}, 1000)
`

const NONSENSE: Record<string, string> = {
  'bytes that are no frame': `send(Buffer.from([9, 9, 9, 9, 9]))`,
  'a length of 16 MiB': `send(Buffer.from([1, 255, 255, 255]))`,
  'text that is no JSON': `send(say('{"say":'))`,
  'text that is no UTF-8': `send(frame(1, Buffer.from([0xff, 0xfe])))`,
  'a message of another kind': `send(say({ say: 'become-root' }))`,
  'a number instead of one': `send(say('42'))`,
  'a member too many': `send(say({ say: 'open', stream: 1, more: true }))`,
  'a call without a number': `send(say({ say: 'call', op: 'x', args: null }))`,
  'a call with a number that is none': `send(say({ say: 'call', id: -1, op: 'x', args: null }))`,
  'an operation with a long name': `send(say({ say: 'call', id: 1, op: 'x'.repeat(1000), args: null }))`,
  'an answer to nothing': `send(say({ say: 'answer', id: 77, value: null }))`,
  'a stream of the agent': `send(say({ say: 'open', stream: 2 }))`,
  'bytes of no stream': `send(frame(2, Buffer.from([0, 0, 0, 9, 1])))`,
  'brackets a million deep': `send(say('['.repeat(1_000_000)))`,
}

test('a program that does not keep to the rules of its channel is killed', async () => {
  const ends = await Promise.all(
    Object.entries(NONSENSE).map(async ([name, code]) => {
      const { end, errors } = await lab.run(BY_HAND + code, { ending: 'mjs', isBare: true })
      return [name, 'killed' in end ? end.killed : errors]
    }),
  )
  assert.deepEqual(
    ends.filter(([, end]) => end !== 'protocol'),
    [],
  )
})

test('a program that floods its channel waits, and keeps nobody else waiting', async () => {
  const source = `${BY_HAND}
    const line = Buffer.concat(Array.from({ length: 200 }, () => say({ say: 'tell', op: 'log', args: {} })))
    for (;;) send(line)
  `
  let count = 0
  await using flooding = await lab.start(source, {
    ending: 'mjs',
    limits: { memoryMb: 128 },
    onTell: () => {
      count++
    },
  })
  await until(() => count > 3_000, 'the flood has come')
  const { output } = await lab.run('console.log("alive")')
  assert.equal(output, 'alive\n')
  flooding.kill('told', 'enough')
  // Without a limit it would be some hundred thousand.
  assert.ok(count < 60_000, `${count} messages were taken`)
})

test('a program that prints without end is slowed by who reads it, and is no cost beside', async () => {
  await using printing = await lab.start('for (;;) process.stdout.write("x".repeat(60_000))')
  await once(printing.output, 'readable')
  // Nobody reads on: the agent holds one buffer of it, and the process waits for the pipe.
  await until(() => printing.output.readableLength > 0, 'something was read')
  assert.ok(printing.output.readableLength <= 131_072)
})

test('names that mean something to JavaScript are names like others', async () => {
  await using apps = await createAppLab()
  const folder = await apps.write(
    `
    import { writeSync } from 'node:fs'
    import { defineApp } from 'ztm/app'
    const say = text => { const body = Buffer.from(text); writeSync(3, Buffer.concat([Buffer.from([1, 0, body.length >> 8, body.length & 255]), body])) }
    export default defineApp({
      async onRequest(request, host) {
        for (const name of ['__proto__', 'constructor', 'prototype', 'toString']) {
          say('{"say":"call","id":' + (9000 + name.length) + ',"op":"' + name + '","args":{}}')
          say('{"say":"call","id":9900,"op":"storage.put","args":{"key":"' + name + '","value":{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}}}')
          say('{"say":"tell","op":"' + name + '","args":{"__proto__":{"polluted":1}}}')
          say('{"say":"tell","op":"log","args":{"level":"__proto__","text":"x","fields":{"__proto__":1}}}')
        }
        await host.storage.put('__proto__', { a: 1 })
        return Response.json(await host.storage.list())
      },
    })
  `,
    { storage: true },
  )
  const at = await apps.start(folder, apps.mesh.addEndpoint('a'))
  await at.ask('/').catch(() => {})
  assert.equal(({} as { polluted?: unknown }).polluted, undefined)
  assert.equal(([] as { polluted?: unknown }).polluted, undefined)
})

test('no program outlives an agent that was killed', async () => {
  const agent = spawn(process.execPath, [join(import.meta.dirname, '../../testing/sandbox-owner.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const [line] = (await once(createInterface({ input: agent.stdout }), 'line')) as [string]
  const { walls, ids } = JSON.parse(line) as { walls: string; ids: number[] }
  assert.equal(ids.length, walls === 'kernel' ? 4 : 2)
  agent.kill('SIGKILL')
  const isThere = (id: number) => {
    try {
      process.kill(id, 0)
      return true
    } catch {
      return false
    }
  }
  // One waits for something and sees its channel end; the other loops, and sees nothing.
  const mortal = walls === 'kernel' ? ids : ids.slice(0, 1)
  await until(() => !mortal.some(isThere), 'the programs are gone')
})
