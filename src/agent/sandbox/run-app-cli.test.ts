import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { encodeTerminalFrames } from '../../core/codec/terminal-frame.ts'
import { type AppLab, createAppLab, type LabApp } from '../../testing/app-lab.ts'
import { createStreamPair } from '../../testing/stream-pair.ts'
import { followFrames } from '../../testing/terminal-rig.ts'

let lab: AppLab
before(async () => {
  lab = await createAppLab()
})
after(() => lab[Symbol.asyncDispose]())

const APP = `
  import { defineApp } from 'ztm/app'
  export default defineApp({
    async onRequest(request, host, caller) {
      const { pathname } = new URL(request.url)
      if (pathname === '/keep') await host.storage.put('kept', await request.text())
      return Response.json({ kept: await host.storage.get('kept'), caller, mesh: host.mesh })
    },
  })
`

/** An app with commands. @param capabilities  of the app, none of which its commands have */
async function startWith(
  name: string,
  cli: string,
  capabilities: object = { storage: true },
): Promise<LabApp> {
  const folder = await lab.write(APP, capabilities)
  await writeFile(join(folder, 'cli.ts'), cli)
  const manifest = { name: 'probe', version: '1.0.0', cli: 'cli.ts', capabilities }
  await writeFile(join(folder, 'app.json'), JSON.stringify(manifest))
  return lab.start(folder, lab.mesh.addEndpoint(name))
}

async function run({ running }: LabApp, request: unknown, input = '') {
  const [mine, theirs] = createStreamPair()
  running.receiveLocal?.(theirs)
  const followed = followFrames(mine, '', 0)
  const send = (kind: Parameters<typeof encodeTerminalFrames>[0], bytes: Uint8Array) => {
    for (const piece of encodeTerminalFrames(kind, bytes)) mine.write(piece)
  }
  send('notice', Buffer.from(JSON.stringify(request)))
  if (input !== '') send('input', Buffer.from(input))
  send('input-end', new Uint8Array(0))
  const end = await followed.ended
  return { end, output: followed.output().toString(), errors: followed.errors(), notices: followed.notices }
}

test('commands of an app have their words, input, output and exit code, and ask the app', async () => {
  const app = await startWith(
    'whole',
    `import { text } from 'node:stream/consumers'
     import { args, fetch } from 'ztm/cli'
     await fetch('/keep', { method: 'POST', body: await text(process.stdin) })
     const { kept, caller } = await (await fetch('/show')).json()
     console.log(args.join('+'), process.argv.slice(2).length, kept, caller.source)
     console.error('done')
     process.exit(3)`,
  )
  const { end, output, errors } = await run(app, { args: ['list', '--all'] }, 'from a pipe')
  assert.deepEqual([end, output, errors], [{ code: 3 }, 'list+--all 2 from a pipe user\n', 'done\n'])
})

test('commands of an app have nothing that the app was granted, nor may they let others in', async () => {
  const app = await startWith(
    'poor',
    `import { readFileSync } from 'node:fs'
     import { fetch } from 'ztm/cli'
     const { call } = globalThis
     const ways = {
       settings: () => fetch('/.settings', { method: 'PUT', body: '{"access":{"users":["*"]}}' }),
       'settings, spelt otherwise': () => fetch('/x/../.settings', { method: 'PUT', body: '{}' }),
       elsewhere: () => fetch('http://127.0.0.1:1/'),
       'other place': () => fetch('//127.0.0.1/'),
       file: () => readFileSync('/etc/passwd'),
       net: () => import('node:net'),
       program: () => import('node:child_process'),
       app: () => import('ztm/script'),
     }
     const said = {}
     for (const [name, way] of Object.entries(ways))
       try { await way(); said[name] = 'DONE' } catch (error) { said[name] = error.code ?? error.cause?.code ?? error.name }
     console.log(JSON.stringify(said))`,
    { storage: true, network: ['127.0.0.1:1'], files: { read: ['/etc'] } },
  )
  const { output, errors } = await run(app, { args: [] })
  const said = JSON.parse(output || JSON.stringify(errors)) as Record<string, string>
  assert.deepEqual(
    Object.entries(said).filter(([, end]) => end === 'DONE'),
    [],
    output,
  )
  const { text } = await app.ask('/.settings')
  assert.deepEqual(JSON.parse(text), {})
})

test('an app without commands, and one that asks for nonsense, say so', async () => {
  const folder = await lab.write(APP, { storage: true })
  const none = await lab.start(folder, lab.mesh.addEndpoint('none'))
  const { end, notices } = await run(none, { args: [] })
  assert.deepEqual(end, { code: 10 })
  assert.match(notices[0] ?? '', /it has no commands/)
  const app = await startWith('strict', 'console.log(1)')
  for (const request of [{}, { args: 'list' }, { args: [], more: 1 }, 'x'])
    assert.match((await run(app, request)).notices[0] ?? '', /not understood/, JSON.stringify(request))
})

test('commands of an app end with who runs them', async () => {
  const app = await startWith('lasting', `console.log('here'); setInterval(() => {}, 1_000)`)
  const [mine, theirs] = createStreamPair()
  app.running.receiveLocal?.(theirs)
  const followed = followFrames(mine, '', 0)
  const request = Buffer.from(JSON.stringify({ args: [] }))
  for (const piece of encodeTerminalFrames('notice', request)) mine.write(piece)
  while (!followed.output().toString().includes('here'))
    await new Promise(resolve => mine.once('data', resolve))
  mine.destroy()
  // A sandbox that would not end would keep the app, and this test, from ending.
  await app[Symbol.asyncDispose]()
})
