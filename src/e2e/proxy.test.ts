import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { execute, startNginx, startSshd } from '../testing/programs.ts'
import { createTunnelLab, type TunnelLab } from '../testing/tunnel-lab.ts'

let lab: TunnelLab

before(async () => {
  lab = await createTunnelLab()
})

after(async () => {
  await lab[Symbol.asyncDispose]()
})

test('curl and ssh leave the mesh at another endpoint, by rules set on the command line', async () => {
  await using sshd = await startSshd(join(lab.folder, 'sshd'))
  await using nginx = await startNginx(join(lab.folder, 'nginx'))
  await lab.run('home', 'proxy', 'config', '--exit', 'on', '--open', 'localhost', '127.0.0.1')
  const config = (await lab.json('work', 'proxy', 'config', '--listen', '127.0.0.1:0')) as {
    listen: { port: number }
  }
  const proxy = `127.0.0.1:${config.listen.port}`
  const url = `http://localhost:${nginx.port}/`
  for (const way of ['socks5h', 'http']) {
    const { stdout } = await execute('curl', [
      '-sS',
      '--noproxy',
      '',
      '-x',
      `${way}://${proxy}`,
      '-o',
      '/dev/null',
      '-w',
      '%{http_code}',
      url,
    ])
    assert.match(stdout, /^[24]\d\d$/, way)
  }
  const command = `ProxyCommand=socat - PROXY:127.0.0.1:%h:%p,proxyport=${config.listen.port}`
  const said = await execute('ssh', [
    ...sshd.login,
    '-o',
    command,
    '-p',
    String(sshd.port),
    '127.0.0.1',
    'echo far',
  ])
  assert.equal(said.stdout, 'far\n')

  await lab.run('work', 'proxy', 'rules', 'add', 'localhost', '--deny')
  await lab.run('work', 'proxy', 'rules', 'add', '*', '--exits', 'home')
  const rules = (await lab.json('work', 'proxy', 'rules')) as { targets: string[]; action: string }[]
  assert.deepEqual(
    rules.map(({ targets, action }) => [...targets, action]),
    [
      ['localhost', 'deny'],
      ['*', 'exit'],
    ],
  )
  const refused = await execute('curl', ['-sS', '--noproxy', '', '-x', `http://${proxy}`, url])
  assert.match(refused.stdout, /rule 0 of the proxy denies it/)
  const tried = (await lab.json('work', 'proxy', 'test', `http://127.0.0.1:${nginx.port}`)) as Record<
    string,
    unknown
  >
  assert.deepEqual([tried.rule, tried.action, (tried.exit as { name: string }).name], [1, 'exit', 'home'])
  await lab.run('work', 'proxy', 'rules', 'delete', '0')
  const again = await execute('curl', [
    '-sS',
    '--noproxy',
    '',
    '-x',
    `http://${proxy}`,
    '-o',
    '/dev/null',
    '-w',
    '%{http_code}',
    url,
  ])
  assert.match(again.stdout, /^[24]\d\d$/)
})
