import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { parse } from 'yaml'
import { inParallel } from '../testing/in-parallel.ts'
import { LAUNCHER } from '../testing/process-mesh.ts'
import { createTunnelLab, type TunnelLab } from '../testing/tunnel-lab.ts'

// What can be listed and described, in every format, of every mesh and endpoint.

let lab: TunnelLab

before(async () => {
  lab = await createTunnelLab({ program: [LAUNCHER] })
  await lab.tunnel('tcp/web', '127.0.0.1:9')
  await lab.run('home', 'invite', 'bob', '--permit', `${lab.folder}/bob.json`)
  await lab.run('home', 'invite', 'mallory', '--permit', `${lab.folder}/mallory.json`)
  await lab.run('home', 'evict', 'mallory', '--reason', 'a test')
  await lab.run('home', 'label', '--add', 'desk', 'office')
  await lab.run('home', 'create', 'group', 'ops', '--add-user', 'bob', '--add-label', 'desk')
})

after(() => lab[Symbol.asyncDispose]())

/** What is listed -> the columns, and the names of what there is. */
const LISTINGS: readonly (readonly [words: string, columns: string, names: readonly (string | RegExp)[]])[] =
  [
    ['get mesh', 'NAME JOINED_AS USER HUBS CERTIFICATE STATUS', ['home']],
    [
      'get hub',
      'NAMES ROLE STATE ATTACHED PING LINKS RELAYS RELAYED UP_FOR CERTIFICATE VERSION ID',
      [/^127\.0\.0\.1:\d+$/],
    ],
    ['get ep', 'NAME USER STATUS ADDRESS LABELS LAST_SEEN VERSION ID', ['home', 'work']],
    ['get user', 'NAME ROLE GROUPS ENDPOINTS ONLINE LAST_SEEN STATUS', ['root', 'bob', 'mallory']],
    ['get group', 'GROUP MEMBERS LABELS CHANGED', ['ops']],
    ['get service', 'NAME OWNER ENDPOINTS ONLINE HEALTH ATTRIBUTES', ['tcp/web']],
    [
      'get app',
      'NAME VERSION CHANNEL STATE NEWEST PUBLISHER',
      ['ztm/tunnel', 'ztm/proxy', 'ztm/terminal', 'ztm/files', 'ztm/sync', 'ztm/script', 'ztm/dev'],
    ],
    [
      'get invitation',
      'ID USER STATUS MADE BY EXPIRES BOUND LABELS USED_BY',
      [/^[0-9a-f]{16}$/, /^[0-9a-f]{16}$/],
    ],
    ['get eviction', 'ID USER ENDPOINT SINCE BY REASON', [/^[0-9a-f]{16}$/]],
    ['tunnel get tunnel', 'NAME OWNER INBOUND OUTBOUND HEALTH', ['tcp/web']],
    ['ep work tunnel get inbound', 'NAME LISTENS EXITS OPEN TOTAL FAILED STATUS', ['tcp/web']],
    ['tunnel get outbound', 'NAME TARGETS ENTRANCES USERS OPEN TOTAL FAILED HEALTH', ['tcp/web']],
  ]

for (const [words, columns, names] of LISTINGS) {
  test(`${words} prints a table, JSON, YAML and names`, async () => {
    const formats = ['table', 'json', 'yaml', 'name']
    const [table = '', json = '', yaml = '', listed = ''] = await inParallel(formats, format =>
      lab.run('home', ...words.split(' '), '-o', format),
    )
    const [head = '', ...rows] = table.trimEnd().split('\n')
    assert.equal(
      head
        .trimEnd()
        .replace(/\b ([A-Z])/g, '_$1')
        .replace(/ +/g, ' '),
      columns,
    )
    assert.equal(rows.length, names.length, table)
    const found = listed.trimEnd().split('\n').sort()
    const wanted = [...names].sort()
    assert.equal(found.length, wanted.length, listed)
    for (const [i, name] of wanted.entries()) {
      if (typeof name === 'string') assert.equal(found[i], name)
      else assert.match(found[i] ?? '', name)
    }
    const items = JSON.parse(json) as object[]
    assert.equal(items.length, names.length)
    // Times and counters move on between two commands; what there is does not.
    assert.deepEqual((parse(yaml) as object[]).map(fieldsOf), items.map(fieldsOf))
  })
}

test('describe prints each kind in full, as text and as data', async () => {
  const [hub = ''] = (await lab.run('home', 'get', 'hub', '-o', 'name')).split('\n')
  const things: readonly (readonly [words: readonly string[], line: RegExp])[] = [
    [['describe', 'mesh', 'home'], /^Certificate: expires .* \(in 24 h\)$/m],
    [['describe', 'hub', hub], /^Attached: +yes$/m],
    [['describe', 'ep', 'work'], /^Endpoint: +work$/m],
    [['describe', 'ep', 'home/home'], /^Labels: +desk,? *\n? *office$/m],
    [['describe', 'user', 'root'], /^Role: +administrator$/m],
    [['describe', 'group', 'ops'], /^Endpoints: +labelled desk$/m],
    [['describe', 'service', 'tcp/web'], /^Owner: +root$/m],
    [['describe', 'app', 'tunnel'], /^App: +ztm\/tunnel$/m],
    [['tunnel', 'describe', 'tunnel', 'tcp/web'], /^outbound +home +online +\w+ +[0-9a-f-]{36}$/m],
    [['tunnel', 'describe', 'outbound', 'tcp/web'], /^127\.0\.0\.1:9 +\w+/m],
    [['ep', 'work', 'tunnel', 'describe', 'inbound', 'tcp/web'], /^127\.0\.0\.1:\d+ +open +0$/m],
  ]
  await inParallel(things, async ([words, line]) => {
    assert.match(await lab.run('home', ...words), line)
    const value = (await lab.json('home', ...words)) as object
    assert.ok(Object.keys(value).length > 2, `${words.join(' ')}: ${JSON.stringify(value)}`)
  })
})

test('mesh and endpoint are picked by prefix, by flag, and by both', async () => {
  const forms = [
    'ep work CMD',
    'endpoint work CMD',
    'ep home/work CMD',
    'ep /work CMD',
    'mesh home ep work CMD',
    'CMD --ep work',
    'CMD --ep home/work',
    'CMD --mesh home --ep work',
    'mesh home CMD --ep work',
    '--ep=work CMD',
  ]
  const answers = await inParallel(forms, form =>
    lab.run('home', ...form.replace('CMD', 'tunnel get inbound -o name').split(' ')),
  )
  assert.deepEqual(
    answers,
    forms.map(() => 'tcp/web\n'),
  )
  assert.equal(await lab.run('home', 'tunnel', 'get', 'inbound', '-o', 'name'), '')
  const there = (await lab.json('home', 'ep', 'work', 'describe', 'ep')) as { name: string }
  assert.equal(there.name, 'work')
  for (const line of ['mesh home get ep --mesh other', 'ep work tunnel get in --ep home', 'mesh']) {
    const { code, stderr } = await lab.ztm('home', line.split(' '))
    assert.deepEqual([code, stderr.split(':')[1]], [2, ' Cannot read command line'], stderr)
  }
})

test('ping ep measures the way, by name, by id and in the other mesh form', async () => {
  const work = (await lab.json('home', 'describe', 'ep', 'work')) as { id: string }
  const texts = await inParallel(['work', work.id, 'home/work'], name =>
    lab.run('home', 'ping', 'ep', name, '-c', '2', '-i', '10ms'),
  )
  for (const text of texts) {
    assert.match(text, /^answer from \S+: seq=1 path=(?:direct|relay) time=[\d.]+ ms$/m)
    assert.match(text, /^2 sent, 2 received, 0 % lost/m)
  }
})

/** The names of all fields, to any depth. */
function fieldsOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(fieldsOf)
  if (typeof value !== 'object' || value === null) return typeof value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, fieldsOf(each)]))
}
