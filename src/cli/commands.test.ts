import assert from 'node:assert/strict'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { PROXY_API } from '../apps/proxy/messages.ts'
import { SCRIPT_API } from '../apps/script/messages.ts'
import { TERMINAL_API } from '../apps/terminal/messages.ts'
import { FAKE_IDS, FAKE_MESH, FAKE_NOW_MS, FAKE_OFFICE } from '../testing/fake-answers.ts'
import { type FakeDaemons, startFakeDaemons } from '../testing/fake-daemons.ts'
import { openLab, type RecordedWorldOptions } from './recorded-world.ts'

const lab = (t: TestContext, options: Partial<RecordedWorldOptions> = {}) =>
  openLab(t, startFakeDaemons, { nowMs: FAKE_NOW_MS + 60_000, ...options })

const sent = (daemons: FakeDaemons, route: string) => daemons.calls.filter(call => call.route === route)

test('get ep aligns a table with ages, dashes and the local endpoint', async t => {
  const { ztm } = await lab(t)
  const { code, stdout, stderr } = await ztm('get', 'ep')
  assert.deepEqual({ code, stderr }, { code: 0, stderr: '' })
  assert.equal(
    stdout,
    `NAME            USER  STATUS   ADDRESS         LABELS  LAST SEEN  VERSION  ID
laptop (local)  root  online   10.0.0.5:40000  b,a     now        0.1.0    ${FAKE_IDS.laptop}
office          root  offline  -               -       3 min ago  0.1.0    ${FAKE_IDS.office}
`,
  )
})

test('get gives lists as JSON, YAML and names', async t => {
  const { ztm } = await lab(t)
  assert.deepEqual(JSON.parse((await ztm('get', 'mesh', '-o', 'json')).stdout), [FAKE_MESH])
  assert.match((await ztm('get', 'mesh', '--output=yaml')).stdout, /^- name: home/)
  assert.equal((await ztm('get', 'endpoints', '-o', 'name')).stdout, 'laptop\noffice\n')
  assert.equal((await ztm('get', 'users', 'mall', '-o', 'name')).stdout, 'mallory\n')
})

test('get ep asks page by page when there are more endpoints than a page has', async t => {
  const { ztm, daemons } = await lab(t)
  daemons.answer('agent.listEndpoints', ({ query }) => {
    const offset = Number(query.offset)
    const ids = Array.from({ length: Math.min(1_000, 1_500 - offset) }, (_, i) => offset + i)
    const endpoints = ids.map(i => ({ ...FAKE_OFFICE, name: `ep${i}` }))
    return { endpoints, total: 1_500 }
  })
  const { stdout } = await ztm('get', 'ep', '-o', 'name')
  const names = stdout.trim().split('\n')
  assert.deepEqual([names.length, names[0], names.at(-1)], [1_500, 'ep0', 'ep1499'])
})

test('a hostile name cannot leave its cell', async t => {
  const { ztm, daemons } = await lab(t)
  daemons.answer('agent.listApps', () => ({
    apps: [{ name: '\u001b[2Jevil\nrow\u202e', isBuiltin: true, isRunning: true }],
  }))
  daemons.answer('agent.listReleases', () => ({ releases: [], total: 0 }))
  const { stdout } = await ztm('get', 'app')
  assert.equal(stdout.split('\n').length, 3)
  assert.match(stdout, /^\\u\{1b\}\[2Jevil\\u\{a\}row\\u\{202e\} {2}- {8}built in {2}running {2}- {7}ztm$/m)
  assert.equal((await ztm('get', 'app', '-o', 'name')).stdout, '\\u{1b}[2Jevil\\u{a}row\\u{202e}\n')
})

test('join sends the permit of a file, of standard input, or a link', async t => {
  const { ztm, daemons, folder } = await lab(t, { stdin: '{"from": "stdin"}' })
  writeFileSync(folder.file('root.json'), '{"from": "file"}')
  const { code, stdout } = await ztm('join', 'home', '--as', 'laptop', '--permit', 'root.json', '--replace')
  assert.equal(code, 0)
  assert.equal(stdout, 'Joined mesh home as laptop, user root: see who is there with `ztm get ep`\n')
  await ztm('join', 'home', '--as', 'laptop', '--permit', '-')
  await ztm('join', 'home', '--as', 'laptop', '--permit', 'ztm://h:1/x#y')
  assert.deepEqual(
    sent(daemons, 'agent.joinMesh').map(({ body }) => body),
    [
      { permit: '{"from": "file"}', endpoint: 'laptop', isReplacing: true },
      { permit: '{"from": "stdin"}', endpoint: 'laptop', isReplacing: false },
      { permit: 'ztm://h:1/x#y', endpoint: 'laptop', isReplacing: false },
    ],
  )
})

test('a change prints nothing with -q and its data with -o json', async t => {
  const { ztm } = await lab(t)
  assert.deepEqual(await ztm('leave', 'home', '-q'), { code: 0, stdout: '', stderr: '' })
  assert.deepEqual(JSON.parse((await ztm('disable', 'mesh', 'home', '-o', 'json')).stdout).state, 'disabled')
})

test('invite writes the permit for its reader alone, and prints the link', async t => {
  const { ztm, folder, daemons } = await lab(t)
  writeFileSync(folder.file('bob.pem'), '\n-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n')
  writeFileSync(folder.file('bob.json'), 'old', { mode: 0o644 })
  const { stdout } = await ztm(
    'invite',
    'bob',
    '--permit',
    'bob.json',
    '-i',
    'bob.pem',
    '--expires',
    '7d',
    '--label',
    'a',
    'b',
  )
  assert.equal(readFileSync(folder.file('bob.json'), 'utf8'), '{"ca": "x"}\n')
  assert.equal(statSync(folder.file('bob.json')).mode & 0o777, 0o600)
  assert.match(stdout, /^Link: ztm:\/\/hub\.example:8888\/abc#token$/m)
  assert.deepEqual(sent(daemons, 'agent.invite')[0]?.body, {
    identity: '-----BEGIN PUBLIC KEY-----\nMAA=\n-----END PUBLIC KEY-----\n',
    labels: ['a', 'b'],
    validMs: 7 * 86_400_000,
  })
})

test('invite without a file prints the permit alone on standard output, so that it can be piped', async t => {
  const { ztm } = await lab(t)
  const { code, stdout, stderr } = await ztm('invite', 'bob')
  assert.deepEqual({ code, stdout }, { code: 0, stdout: '{"ca": "x"}\n' })
  assert.match(stderr, /^Link: ztm:\/\/hub\.example:8888\/abc#token\n/)
})

test('invite shows a QR code on a terminal', async t => {
  const { ztm } = await lab(t, { isTerminal: true })
  const { stdout } = await ztm('invite', 'bob', '--permit', 'bob.json')
  assert.match(stdout, /[▀▄█]{5}/)
})

test('evict wants a user or an endpoint, not both and not neither', async t => {
  const { ztm, daemons } = await lab(t)
  assert.equal((await ztm('evict')).code, 2)
  assert.equal((await ztm('evict', 'bob', '--ep', 'office')).code, 2)
  await ztm('evict', 'bob', '--reason', 'left')
  await ztm('ep', 'office', 'evict')
  assert.deepEqual(
    sent(daemons, 'agent.evict').map(({ body }) => body),
    [{ user: 'bob', reason: 'left' }, { endpoint: 'office' }],
  )
})

test('label shows, adds and takes off', async t => {
  const { ztm, daemons } = await lab(t)
  assert.equal((await ztm('label')).stdout, 'a\nb\n')
  assert.equal((await ztm('label', '--add', 'c', 'a', '--delete', 'b')).stdout, 'a\nc\n')
  assert.deepEqual(sent(daemons, 'agent.labelEndpoint')[0]?.body, {
    labels: ['a', 'c'],
    givenLabels: ['c', 'a'],
  })
})

test('status ends with 0 when all is well, else with the code of what is wrong', async t => {
  const { ztm, daemons } = await lab(t)
  assert.equal((await ztm('status')).code, 0)
  daemons.answer('agent.showStatus', () => ({
    version: '0.1.0',
    pid: 1,
    startedAtMs: FAKE_NOW_MS,
    dataFolder: '/data',
    meshes: [
      { ...FAKE_MESH, state: 'offline', error: { code: 'evicted', message: 'Cannot connect: evicted' } },
    ],
    paths: [],
    memoryBytes: 1,
  }))
  const { code, stdout, stderr } = await ztm('status', 'agent')
  assert.equal(code, 8)
  assert.match(stdout, /^Agent: +running/)
  assert.match(
    stderr,
    /^ztm: Cannot use mesh "home": offline for 60 s: Cannot connect: evicted: see `ztm doctor`\n$/,
  )
  assert.equal((await ztm('status', 'hub')).code, 0)
})

test('stop asks over the socket and waits until nobody answers', async t => {
  const { ztm, daemons } = await lab(t)
  daemons.answer('agent.stop', () => void daemons[Symbol.asyncDispose]())
  const { code, stdout } = await ztm('stop', 'agent')
  assert.equal(code, 0)
  assert.match(stdout, /^Stopped the agent of .*\/data\n$/)
  assert.equal((await ztm('stop', 'agent')).code, 5)
})

test('permit prints the root permit, or writes it for its owner alone', async t => {
  const { ztm, folder, daemons } = await lab(t)
  assert.equal((await ztm('permit')).stdout, '{"ca": "root"}\n')
  assert.equal((await ztm('permit', '--new', '--permit', 'root.json')).code, 0)
  assert.equal(statSync(folder.file('root.json')).mode & 0o777, 0o600)
  assert.deepEqual(
    sent(daemons, 'hub.showPermit').map(({ body }) => body),
    [{ isNew: false }, { isNew: true }],
  )
})

test('run gateway takes its file from where one is, and keeps its state apart', async t => {
  const { ztm, gatewayRuns, folder } = await lab(t)
  assert.equal((await ztm('run', 'gateway', '--config', 'g.yaml', '--check', '--metrics', '9900')).code, 0)
  const [{ readPermit, ...given } = assert.fail('it was not run')] = gatewayRuns
  assert.deepEqual(given, {
    configFile: folder.file('g.yaml'),
    isCheck: true,
    dataFolder: folder.file('data/gateway'),
    metrics: { host: '127.0.0.1', port: 9900 },
    logLevel: 'info',
  })
  writeFileSync(folder.file('p.json'), 'permit text')
  assert.equal(await readPermit(folder.file('p.json')), 'permit text')
})

test('run hands parsed options to the daemons', async t => {
  const { ztm, hubRuns, agentRuns, folder } = await lab(t)
  writeFileSync(folder.file('p.json'), 'permit text')
  assert.equal(
    (await ztm('run', 'hub', '--listen', ':9', '--names', 'a.example:9', '[::1]:9', '--permit', 'root.json'))
      .code,
    0,
  )
  assert.equal(
    (
      await ztm(
        'run',
        'agent',
        '--listen',
        'off',
        '--join',
        'm',
        '--join-as',
        'e',
        '-p',
        'p.json',
        '--metrics',
        '9100',
      )
    ).code,
    0,
  )
  assert.deepEqual(hubRuns, [
    {
      dataFolder: folder.file('data'),
      listen: { host: '0.0.0.0', port: 9 },
      names: ['a.example:9', '[::1]:9'],
      permitFile: folder.file('root.json'),
      logLevel: 'info',
    },
  ])
  assert.deepEqual(agentRuns, [
    {
      dataFolder: folder.file('data'),
      listen: 'off',
      join: { mesh: 'm', endpoint: 'e', permit: 'permit text' },
      metrics: { host: '127.0.0.1', port: 9_100 },
      logLevel: 'info',
    },
  ])
  assert.equal((await ztm('run', 'agent', '--join', 'm')).code, 2)
})

test('config keeps, shows and removes settings', async t => {
  const { ztm, folder } = await lab(t)
  assert.equal((await ztm('config', '--mesh', 'home', '--agent', '7778')).code, 0)
  assert.deepEqual(JSON.parse((await ztm('config', '-o', 'json')).stdout), { mesh: 'home', agent: '7778' })
  assert.equal(statSync(folder.file('data/config.json')).mode & 0o777, 0o600)
  assert.equal((await ztm('config', '--unset', 'mesh', 'agent')).code, 0)
  assert.deepEqual(JSON.parse((await ztm('config', '-o', 'json')).stdout), {})
  assert.equal((await ztm('mesh', 'home', 'config')).code, 2)
  writeFileSync(folder.file('data/config.json'), '{"mash": 1}')
  assert.match((await ztm('get', 'ep')).stderr, /^ztm: Cannot read .*config\.json: not settings of ztm/)
})

test('reach says what policy decides, what answered, and by which paths nothing did', async t => {
  const { ztm } = await lab(t)
  const { code, stdout } = await ztm('reach', 'office')
  assert.equal(code, 0)
  assert.match(stdout, /Policy: +allowed by policy "own"/)
  assert.match(stdout, /office +root +online +.*3\.00 ms by relay +direct: no answer/)
})

test('top lists sessions, and an hour of traffic as bars', async t => {
  const { ztm } = await lab(t)
  assert.match((await ztm('top')).stdout, /office +root +us +relay +60 s +2 /)
  assert.match((await ztm('top', 'office')).stdout, /Sent by relay: +·▁▂█/)
  assert.equal((await ztm('top', '--end', 'office')).stdout, 'Ended the sessions with office\n')
})

test('every route of agent, hub and tunnel is used by some command', async t => {
  const { ztm, daemons, folder } = await lab(t)
  writeFileSync(folder.file('p.json'), '{}')
  const lines = [
    ...['mesh', 'hub', 'ep', 'user', 'group', 'service', 'app', 'invitation', 'eviction'].map(
      type => `get ${type}`,
    ),
    ...[
      'mesh home',
      'hub hub.example',
      'ep office',
      'user root',
      'group ops',
      'service tcp/web',
      'app tunnel',
    ].map(thing => `describe ${thing}`),
    ...['create hub --permit hub.json', 'drain hub hub.example --wait 0s', 'delete hub hub.example'],
    ...['get ep --by user', 'reach office', 'top', 'top office', 'top --end office'],
    ...['create group ops', 'update group ops --add-user bob', 'delete group ops'],
    'update user bob --role admin',
    ...['billing report --since 1h --user bob', 'billing status'],
    ...['status', 'doctor', 'identity', 'gui', 'permit', 'label --add x', 'ping ep office -c 1'],
    ...['file transfers', 'file transfers --stop 0123456789abcdef'],
    'start mesh home --as x --names h.example:1',
    ...['log agent', 'log hub', 'ep office log agent', 'join home --as x -p p.json', 'leave home'],
    ...[
      'enable mesh',
      'invite bob',
      'delete ep office',
      'delete invitation inv1',
      'evict bob',
      'evict --undo ev1',
    ],
    ...['tunnel', 'inbound', 'outbound'].flatMap(end => [
      `tunnel get ${end}`,
      `tunnel describe ${end} tcp/web`,
    ]),
    ...['open inbound tcp/web --listen 1', 'open outbound tcp/web --targets 1'].map(
      words => `tunnel ${words}`,
    ),
    ...[
      'log tcp/web',
      'ports',
      'pause inbound tcp/web',
      'resume outbound tcp/web',
      'identity',
      'identity --rotate',
      'close inbound tcp/web',
      'close outbound tcp/web',
    ].map(words => `tunnel ${words}`),
    ...['install', 'update', 'start', 'stop', 'rollback', 'erase', 'describe'].map(
      verb => `${verb} app alice/notes${verb === 'install' || verb === 'update' ? ' --yes' : ''}`,
    ),
    ...[
      'gui notes --no-open',
      'log app alice/notes',
      'publish app notes',
      'unpublish app notes',
      'publisher',
    ],
    ...['publisher export key.pem', 'publisher import key.pem'],
    // Reads the hub's own log only where the folder is a hub's; and what ends the daemons comes last.
    ...['LOG', 'log hub', 'stop agent --timeout 1s', 'stop hub --timeout 1s'],
  ]
  for (const line of lines) {
    if (line === 'LOG') writeFileSync(folder.file('data/hub.log'), '')
    else await ztm(...line.split(' '))
  }
  const used = new Set(daemons.calls.map(({ route }) => route))
  assert.deepEqual(
    daemons.routes.filter(route => !used.has(route)),
    [],
  )
})

test('every route of the terminal, script and proxy apps is used by some command', async t => {
  const { ztm, daemons } = await lab(t)
  const lines = [
    ...[
      'terminal config',
      'terminal config --idle 2h',
      'terminal history office',
      'terminal recordings office',
    ],
    'terminal erase office 0123456789abcdef',
    ...['script config', 'script config --no-enable', 'script history office'],
    ...['proxy config', 'proxy config --listen 1080', 'proxy test https://example.com/'],
  ]
  for (const line of lines) {
    const { code, stderr } = await ztm(...line.split(' '))
    assert.equal(code, 0, `${line}: ${stderr}`)
  }
  const used = new Set(daemons.calls.map(({ route }) => route))
  const all = Object.entries({ terminal: TERMINAL_API, script: SCRIPT_API, proxy: PROXY_API })
  assert.deepEqual(
    all.flatMap(([app, api]) => Object.keys(api).filter(name => !used.has(`${app}.${name}`))),
    [],
  )
})
