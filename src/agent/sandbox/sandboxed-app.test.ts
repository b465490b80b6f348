import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type AppLab, createAppLab } from '../../testing/app-lab.ts'
import { until } from '../../testing/until.ts'
import { APP_LOG_LIMITS } from './log-output.ts'

let lab: AppLab
before(async () => {
  lab = await createAppLab()
})
after(() => lab[Symbol.asyncDispose]())

const NOTES = `
  import { defineApp } from 'ztm/app'
  export default defineApp({
    async onStream(stream, host) {
      const { text } = await stream.json<{ text: string }>()
      await host.storage.put(stream.from.user, text)
      await stream.end(\`\${host.endpoint.name} has it\`)
    },
    async onRequest(request, host, caller) {
      const { pathname } = new URL(request.url)
      if (pathname === '/peers') return Response.json(await host.peers())
      if (pathname === '/notes') return Response.json(await host.storage.list())
      if (pathname === '/who') return Response.json({ caller, mesh: host.mesh, app: host.app, settings: await host.settings() })
      const stream = await host.dial(pathname.slice(1))
      await stream.end(await request.text())
      return new Response(await stream.text(), { status: 201, headers: { 'x-app': 'notes' } })
    },
  })
`

test('an app answers requests, keeps records, and talks to itself at other endpoints', async () => {
  const folder = await lab.write(NOTES, { storage: true })
  const [a, b] = [lab.mesh.addEndpoint('a'), lab.mesh.addEndpoint('b')]
  const [atA, atB] = [await lab.start(folder, a), await lab.start(folder, b)]
  const peers = JSON.parse((await atA.ask('/peers')).text) as { name: string; isSelf: boolean }[]
  assert.deepEqual(
    peers.map(({ name, isSelf }) => [name, isSelf]),
    [
      ['a', true],
      ['b', false],
    ],
  )
  const answer = await atA.ask('/b', { method: 'POST', body: JSON.stringify({ text: 'hello' }) })
  assert.deepEqual([answer.status, answer.headers['x-app'], answer.text], [201, 'notes', 'b has it'])
  assert.deepEqual(JSON.parse((await atB.ask('/notes')).text), [{ key: 'root', value: 'hello' }])
  assert.deepEqual(JSON.parse((await atA.ask('/notes')).text), [])
})

test('an app is told who asks, and what was set', async () => {
  const at = await lab.start(await lab.write(NOTES), lab.mesh.addEndpoint('c'))
  await at.ask('/.settings', { method: 'PUT', body: JSON.stringify({ values: { color: 'red', size: 3 } }) })
  await at.ask('/.settings', { method: 'PUT', body: JSON.stringify({ values: { size: null } }) })
  assert.deepEqual(JSON.parse((await at.ask('/who')).text), {
    caller: { source: 'user' },
    mesh: 'test',
    app: { provider: 'root', name: 'probe', version: '1.0.0' },
    settings: { color: 'red' },
  })
  const { status } = await at.ask('/.settings', { method: 'PUT', body: '{"values":{"a":{}}}' })
  assert.equal(status, 400)
})

test('an app of another user is reached when that is set, and by nobody else', async () => {
  const folder = await lab.write(NOTES, { storage: true })
  const [ann, bob] = [lab.mesh.addEndpoint('of-ann', 'ann'), lab.mesh.addEndpoint('of-bob', 'bob')]
  const [atAnn, atBob] = [await lab.start(folder, ann), await lab.start(folder, bob)]
  const send = () => atBob.ask('/of-ann', { method: 'POST', body: '{"text":"hi"}' })
  await assert.rejects(send(), { code: 'call-failed' })
  await atAnn.ask('/.settings', { method: 'PUT', body: '{"access":{"users":["bob"]}}' })
  assert.equal((await send()).text, 'of-ann has it')
  assert.deepEqual(JSON.parse((await atAnn.ask('/notes')).text), [{ key: 'bob', value: 'hi' }])
})

test('an app that crashes is started again, later and later, and its streams and requests fail meanwhile', async () => {
  const folder = await lab.write(`
    import { defineApp } from 'ztm/app'
    export default defineApp({
      onRequest(request) {
        if (request.url.endsWith('/die')) setTimeout(() => { throw new Error('out of order') })
        if (request.url.endsWith('/die')) return new Promise(() => {})
        return new Response('here')
      },
    })
  `)
  const endpoint = lab.mesh.addEndpoint('crashes')
  const at = await lab.start(folder, endpoint)
  await assert.rejects(at.ask('/die'), { code: 'link-closed' })
  await until(() => at.running.state.is === 'waiting', 'it waits')
  await assert.rejects(at.ask('/'), { code: 'offline' })
  await until(() => at.running.state.is === 'running', 'it runs again')
  assert.equal((await at.ask('/')).text, 'here')
  assert.equal(at.running.state.restartCount, 1)
})

test('an app that floods its log, by what it prints and what it says, fills no log and is asked as before', async () => {
  const endpoint = lab.mesh.addEndpoint('loud')
  const at = await lab.start(
    await lab.write(`
    import { defineApp } from 'ztm/app'
    export default defineApp({
      async onRequest(request, host) {
        if (new URL(request.url).pathname === '/flood') {
          for (let line = 0; line < 5_000; line += 1) {
            console.log('printed ' + line)
            host.log.info('said ' + line)
          }
          console.log('x'.repeat(3_000_000))
        }
        return new Response('here')
      },
    })
  `),
    endpoint,
  )
  const startedMs = performance.now()
  assert.equal((await at.ask('/flood')).text, 'here')
  await until(() => endpoint.log.fieldsOf('app.printed').length > 0, 'the flood has come')
  assert.equal((await at.ask('/')).text, 'here')
  const seconds = (performance.now() - startedMs) / 1_000
  const { lineBurst, linesPerSecond, lineBytes } = APP_LOG_LIMITS
  const { events } = endpoint.log
  // Of what it prints, of its errors, and of what it says; and as many lines that tell how much was left out.
  const most = 3 * 2 * (lineBurst + linesPerSecond * (seconds + 1))
  assert.ok(events.length <= most, `${events.length} lines, ${most} at most`)
  assert.ok(events.every(({ fields }) => String(fields.text ?? '').length <= lineBytes))
})

test('an app that cannot be started says why', async () => {
  const endpoint = lab.mesh.addEndpoint('none')
  const sources = {
    'export const x = 1': 'bad-input',
    'throw new Error("no")': 'call-failed',
    'process.exit(3)': 'link-closed',
  }
  for (const [source, code] of Object.entries(sources))
    await assert.rejects(lab.start(await lab.write(source), endpoint), { code }, source)
})

test('an app has nothing that was not granted, whatever it calls', async () => {
  const folder = await lab.write(`
    import { defineApp } from 'ztm/app'
    const ways = {
      storage: host => host.storage.put('a', 1),
      'storage to read': host => host.storage.get('a'),
      service: host => host.dial('tcp/web'),
      'hidden service': host => host.dial('tcp/.terminal.root'),
      serve: host => host.serve('tcp/web', () => {}),
      'serve a hidden one': host => host.serve('tcp/.terminal.root', () => {}),
      connect: host => host.connect('127.0.0.1', 22),
      'connect by name': host => host.connect('localhost', 22),
      fetch: host => host.fetch('http://127.0.0.1/'),
      'global fetch': () => fetch('http://example.com/'),
      run: host => host.run('id'),
    }
    export default defineApp({
      async onRequest(request, host) {
        const said = {}
        for (const [name, way] of Object.entries(ways)) said[name] = await way(host).then(() => 'DONE', error => error.code)
        return Response.json(said)
      },
    })
  `)
  const at = await lab.start(folder, lab.mesh.addEndpoint('poor'))
  const said = JSON.parse((await at.ask('/')).text) as Record<string, string>
  assert.deepEqual(new Set(Object.values(said)), new Set(['denied']), JSON.stringify(said))
})
