import assert from 'node:assert/strict'
import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { serveZap } from '../../src/sdk/zap/serve-zap.ts'
import { openZapClient } from '../../src/sdk/zap/zap-client.ts'
import { TEXT, zapMethod } from '../../src/sdk/zap/zap-method.ts'
import { answer } from '../../src/sdk/zap/zap-serving.ts'

const here = import.meta.dirname
const SCHEMA = join(here, '../../schema/zap-call.capnp')
const UPPER = zapMethod('upper', TEXT, TEXT)
const REVERSE = zapMethod('reverse')
const COUNT = zapMethod('count', TEXT, TEXT)

const missing = ['gcc', 'python3', 'capnp'].filter(tool => spawnSync(tool, ['--version']).status !== 0)
const skip = missing.length > 0 && `apt-get install gcc python3 capnproto: no ${missing.join(', ')} here`

/** Compile the C sample, warnings being errors. */
function compile(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'zap-interop-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const program = join(folder, 'call')
  const flags = ['-std=gnu11', '-Wall', '-Wextra', '-Werror', '-Wno-sign-compare', '-fsanitize=undefined']
  const { status, stderr } = spawnSync('gcc', [...flags, '-o', program, join(here, 'call.c')])
  assert.equal(status, 0, stderr.toString())
  return program
}

/** Run the C sample. @returns what it printed, and its exit code */
async function run(program: string, port: number, ...call: string[]) {
  return new Promise<{ code: unknown; out: string; err: string }>(resolve => {
    execFile(program, ['127.0.0.1', String(port), ...call], { encoding: 'utf8' }, (error, out, err) =>
      resolve({ code: error?.code ?? 0, out, err }),
    )
  })
}

/** Start the Python sample. @returns its port */
async function servePython(t: TestContext): Promise<number> {
  const child = spawn('python3', [join(here, 'serve.py'), SCHEMA], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.after(() => child.kill())
  const [line] = await once(child.stdout, 'data')
  return Number(String(line))
}

test('a C program calls our server', { skip }, async t => {
  const program = compile(t)
  const listener = createServer().listen(0, '127.0.0.1')
  await once(listener, 'listening')
  const { port } = listener.address() as { port: number }
  const server = serveZap(listener, {
    ...answer(UPPER, text => text.toUpperCase()),
    ...answer(REVERSE, bytes => bytes.toReversed()),
  })
  t.after(() => {
    server.close()
    listener.close()
  })
  const long = 'a long text, '.repeat(5_000)
  assert.deepEqual(await run(program, port, 'upper', 'zap'), { code: 0, out: 'ZAP', err: '' })
  assert.equal((await run(program, port, 'upper', long)).out, long.toUpperCase())
  assert.equal((await run(program, port, 'reverse', '')).out, '')
  assert.deepEqual(await run(program, port, 'lower', 'x'), {
    code: 2,
    out: '',
    err: 'not-found: Cannot call "lower": there is no such method\n',
  })
})

test('our client calls a Python program, and so does the C program', { skip }, async t => {
  const port = await servePython(t)
  const client = openZapClient(connect(port, '127.0.0.1'))
  t.after(() => client.close())
  assert.equal(await client.call(UPPER, 'zap über alles'), 'ZAP ÜBER ALLES')
  const bytes = Uint8Array.from({ length: 3_000 }, (_, index) => index % 251)
  assert.deepEqual(new Uint8Array(await client.call(REVERSE, bytes)), bytes.toReversed())
  const items: string[] = []
  for await (const item of client.stream(COUNT, '4')) items.push(item)
  assert.deepEqual(items, ['0', '1', '2', '3'])
  await assert.rejects(client.call(zapMethod('none'), bytes), {
    code: 'not-found',
    message: 'no method none',
  })

  assert.deepEqual(await run(compile(t), port, 'reverse', 'stressed'), { code: 0, out: 'desserts', err: '' })
})
