import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { createSandboxLab, type SandboxLab } from '../../testing/sandbox-lab.ts'

let lab: SandboxLab
let tcp: Server
let unix: Server
const udp = createSocket('udp4')
let visits = 0
before(async () => {
  lab = await createSandboxLab()
  tcp = createServer(() => visits++).listen(0, '127.0.0.1')
  unix = createServer(() => visits++).listen(join(lab.codeFolder, 'agent.sock'))
  udp.on('message', () => visits++).bind(0, '127.0.0.1')
  await Promise.all([once(tcp, 'listening'), once(unix, 'listening'), once(udp, 'listening')])
})
after(async () => {
  for (const one of [tcp, unix, udp]) one.close()
  await lab[Symbol.asyncDispose]()
})

/** Each is tried by itself and has to throw; one that returns has found a way. Port, path and folder are given. */
const WAYS: Record<string, string> = {
  'import of net': `(await import('node:net')).connect(port, '127.0.0.1')`,
  'import of net by its bare name': `(await import('net')).connect(port, '127.0.0.1')`,
  'import of tls': `(await import('node:tls')).connect(port, '127.0.0.1')`,
  'import of http': `(await import('node:http')).get('http://127.0.0.1:' + port)`,
  'import of https': `(await import('https')).get('https://127.0.0.1:' + port)`,
  'import of http2': `(await import('node:http2')).connect('http://127.0.0.1:' + port)`,
  'import of the parts of http': `(await import('_http_client'))`,
  'import of dgram': `(await import('node:dgram')).createSocket('udp4').send('x', udpPort, '127.0.0.1')`,
  'import of dns': `(await import('node:dns')).lookup('example.com', () => {})`,
  'import of dns/promises': `await (await import('node:dns/promises')).resolve('example.com')`,
  'import of child_process': `(await import('node:child_process')).spawn('true')`,
  'import of cluster': `(await import('node:cluster')).default.fork()`,
  'import of worker_threads': `new (await import('node:worker_threads')).Worker('1', { eval: true })`,
  'import of inspector': `(await import('node:inspector')).open(0)`,
  'import of repl': `(await import('node:repl')).start()`,
  'import of wasi': `new (await import('node:wasi')).WASI({ version: 'preview1' })`,
  'import of vm': `(await import('node:vm')).runInNewContext('1')`,
  'import of v8': `(await import('node:v8')).setFlagsFromString('--allow-natives-syntax')`,
  'import of sqlite': `new (await import('node:sqlite')).DatabaseSync('/etc/passwd')`,
  'import of test': `(await import('node:test')).test('x', () => {})`,
  'import of module, to resolve by oneself': `(await import('node:module')).registerHooks({ resolve: () => ({ url: 'node:net', shortCircuit: true }) })`,
  'import of diagnostics_channel': `(await import('node:diagnostics_channel')).channel('net.client.socket')`,
  'import of trace_events': `(await import('node:trace_events')).createTracing({ categories: ['node'] })`,
  'import of tty': `new (await import('node:tty')).WriteStream(3)`,
  'a module that asks again': `await import('data:text/javascript,import net from "node:net"; net.connect(' + port + ')')`,
  getBuiltinModule: `process.getBuiltinModule('net').connect(port, '127.0.0.1')`,
  'getBuiltinModule of a name that changes': `return (n => process.getBuiltinModule({ toString: () => n++ ? 'net' : 'fs' }).connect(port))(0)`,
  'process.binding': `new (process.binding('tcp_wrap').TCP)(0)`,
  'process._linkedBinding': `process._linkedBinding('tcp_wrap').TCP.name`,
  'process.dlopen': `process.dlopen({ exports: {} }, folder + '/x.node')`,
  'process.execve': `process.execve('/bin/true', [])`,
  'process.report, which has the network in it': `process.report.getReport().header.networkInterfaces[0].address`,
  'process.channel': `process.channel.constructor.name`,
  'process.send': `process.send('x')`,
  'process._getActiveHandles': `process._getActiveHandles()[0].constructor`,
  'process._getActiveRequests': `process._getActiveRequests()`,
  'the class of stdin': `let C = process.stdin.constructor; if (!C.prototype.connect) throw new Error('no sockets'); new C().connect(port)`,
  'the class of stdout': `let C = process.stdout.constructor; if (!C.prototype.connect) throw new Error('no sockets'); new C().connect(port)`,
  'what console prints to': `let C = console._stdout.constructor; if (!C.prototype.connect) throw new Error('no sockets'); new C().connect(port)`,
  openStdin: `process.openStdin().constructor`,
  fetch: `await fetch('http://127.0.0.1:' + port)`,
  WebSocket: `new WebSocket('ws://127.0.0.1:' + port)`,
  EventSource: `new EventSource('http://127.0.0.1:' + port)`,
  'the dispatcher of fetch': `new Response('x'); globalThis[Symbol.for('undici.globalDispatcher.1')].dispatch({ origin: 'http://127.0.0.1:' + port, path: '/', method: 'GET' }, {})`,
  'another dispatcher of fetch': `globalThis[Symbol.for('undici.globalDispatcher.1')] = { dispatch: 1 }; if (globalThis[Symbol.for('undici.globalDispatcher.1')].dispatch !== 1) throw new Error('kept')`,
  'async_hooks, which show handles': `process.getBuiltinModule('async_hooks').createHook({ init() {} }).enable()`,
  executionAsyncResource: `(await import('node:async_hooks')).executionAsyncResource()`,
  'crypto.setEngine, which loads native code': `process.getBuiltinModule('crypto').setEngine(folder + '/x.so')`,
  'os.networkInterfaces': `if (Object.keys((await import('node:os')).networkInterfaces()).length === 0) throw new Error('none')`,
  'the channel, by a changed emit': CAUGHT(
    `EventEmitter.prototype.emit = function (...args) { found ??= this; return emit.apply(this, args) }`,
  ),
  'a required module': `await import(folder + '/required.cjs').then(m => m.default('net').connect(port))`,
  'Module._load': `await import(folder + '/loaded.cjs').then(m => m.default('net').connect(port))`,
  'Module.registerHooks': `await import(folder + '/hooks.cjs')`,
  'a changed resolver': `await import(folder + '/resolver.cjs')`,
}

/** Lay hands on the socket of the channel while the agent's answer comes in, and make another of its class. */
function CAUGHT(trick: string): string {
  return `
    const { EventEmitter } = process.getBuiltinModule('events')
    const emit = EventEmitter.prototype.emit
    let found
    ${trick}
    const { connect } = await import('ztm/script')
    await connect('nowhere', 1).catch(() => {})
    EventEmitter.prototype.emit = emit
    if (found === undefined) throw new Error('nothing was found')
    const Found = found.constructor
    const tries = [
      () => found.connect(port, '127.0.0.1'),
      () => new Found().connect(port, '127.0.0.1'),
      () => Found.prototype.connect.call(new Found(), port),
      () => found._handle.connect({}, folder + '/agent.sock'),
      () => new found._handle.constructor(0).connect({}, folder + '/agent.sock'),
      () => new found._handle.constructor(1).bind(folder + '/mine.sock'),
    ]
    for (const way of tries) {
      try { way() } catch { continue }
      return
    }
    throw new Error('refused in ' + tries.length + ' ways')
  `
}

const MODULES = {
  'required.cjs': 'module.exports = name => require(name)',
  'loaded.cjs': 'module.exports = name => module.constructor._load(name, module, false)',
  'hooks.cjs': `
    module.constructor.registerHooks({ resolve: () => ({ url: 'node:net', shortCircuit: true }) })
    require('anything').connect(1)`,
  'resolver.cjs': `
    module.constructor._resolveFilename = () => 'node:net'
    require('anything').connect(1)`,
}

test('a sandboxed program finds no way to a socket or another process in its own JavaScript', async () => {
  for (const [name, source] of Object.entries(MODULES)) await lab.write(name, source)
  const tries = Object.entries(WAYS).map(
    ([name, code]) => `[${JSON.stringify(name)}, async () => { ${code} }]`,
  )
  const source = `
    const [port, udpPort, folder] = [Number(process.argv[2]), Number(process.argv[3]), process.argv[4]]
    const said = {}
    for (const [name, way] of [${tries.join(',\n')}]) {
      try { await way(); said[name] = 'OPEN' } catch (error) { said[name] = String(error?.message ?? error) }
    }
    await new Promise(resolve => setTimeout(resolve, 100))
    console.log(JSON.stringify(said))
    process.exit(0)
  `
  const ports = [tcp.address() as AddressInfo, udp.address()].map(({ port }) => String(port))
  const { output, errors, end } = await lab.run(source, {
    isBare: true,
    ending: 'mjs',
    args: [...ports, lab.codeFolder],
  })
  assert.deepEqual(end, { code: 0 }, errors)
  const said = JSON.parse(output) as Record<string, string>
  assert.equal(Object.keys(said).length, Object.keys(WAYS).length)
  assert.deepEqual(
    Object.entries(said).filter(([, answer]) => answer === 'OPEN'),
    [],
  )
  // Refused because it may not be, not because the test is wrong.
  const odd = Object.entries(said).filter(([, answer]) =>
    /Unexpected token|is not iterable|Identifier/.test(answer),
  )
  assert.deepEqual(odd, [])
  assert.equal(visits, 0)
})
