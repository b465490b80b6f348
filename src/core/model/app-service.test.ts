import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { appServiceOf, mayHostAppService } from './app-service.ts'
import { isAppService, MAX_NAME_LENGTH, parseServiceName, parseUserName } from './names.ts'

const hash = (text: string) => createHash('sha256').update(text).digest('hex')
const [bob, eve, long] = ['bob', 'eve', 'x'.repeat(64)].map(parseUserName) as [
  ReturnType<typeof parseUserName>,
  ReturnType<typeof parseUserName>,
  ReturnType<typeof parseUserName>,
]

test('appServiceOf() names a thing and a user, and only that user may host it', () => {
  for (const kind of ['app', 'package'] as const) {
    const service = appServiceOf(kind, 'alice/notes', bob, hash)
    assert.match(service, new RegExp(`^tcp/\\.${kind}\\.[0-9a-f]{24}\\.[0-9a-f]{24}$`))
    assert.ok(isAppService(service))
    assert.deepEqual(
      [bob, eve, long].map(user => mayHostAppService(service, user, hash)),
      [true, false, false],
    )
    assert.notEqual(service, appServiceOf(kind, 'alice/note', bob, hash))
  }
  assert.ok(appServiceOf('package', 'h', long, hash).length <= MAX_NAME_LENGTH + 4)
})

test('mayHostAppService() lets a user host what names them whole, and nothing that only reads so', () => {
  const dotted = parseUserName('terminal.bob')
  const may = (service: string, user: ReturnType<typeof parseUserName>) =>
    mayHostAppService(parseServiceName(service), user, hash)
  for (const service of ['tcp/.terminal.bob', 'udp/.x.bob']) assert.ok(may(service, bob), service)
  assert.ok(may('tcp/.x.terminal.bob', dotted))
  const tag = hash('bob').slice(0, 24)
  for (const service of [
    'tcp/.terminal.eve',
    'tcp/.x.terminal.bob',
    'tcp/.terminal.bob.',
    'tcp/.terminal.Bob',
    'tcp/.bob',
    'tcp/.own',
    'tcp/..bob',
    'tcp/.app.bob',
    'tcp/.package.bob',
    `tcp/.app.${tag}`,
    `tcp/.app.${tag}.${hash('eve').slice(0, 24)}`,
    `tcp/.terminal.${tag}`,
    `tcp/.App.${tag}.${tag}`,
  ])
    assert.equal(may(service, bob), false, service)
})
