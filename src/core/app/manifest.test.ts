import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { MeshError } from '../model/errors.ts'
import {
  compareWithGrants,
  describeCapabilities,
  grantOnly,
  parseNetworkPattern,
  parseServicePattern,
} from './capabilities.ts'
import { isInsidePath, parseAppName, parseAppRef, parseAppVersion, parseManifest } from './manifest.ts'

const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const ASKING = {
  name: 'notes',
  version: '1.0.0',
  capabilities: {
    dial: ['tcp/web'],
    serve: ['tcp/notes-*'],
    files: { read: ['~/notes'], write: ['/srv/out'] },
    network: ['example.com:443'],
    listen: ['127.0.0.1:8080'],
    run: ['git'],
    storage: true,
    meshFiles: 'read',
  },
}

test('parseManifest() fills in what is not said: no capability at all', () => {
  assert.deepEqual(parseManifest(bytesOf({ name: 'notes', version: '1.0.0' })), {
    name: 'notes',
    version: '1.0.0',
    description: '',
    entry: 'app.ts',
    capabilities: {
      dial: [],
      serve: [],
      files: { read: [], write: [] },
      network: [],
      listen: [],
      run: [],
      storage: false,
      meshFiles: 'none',
      memoryMb: 128,
      cpuPercent: 50,
    },
  })
})

test('parseManifest() refuses what could be misread, and names the member', () => {
  const wrong: [object, RegExp][] = [
    [{ capabilities: { netwrok: ['*:*'] } }, /netwrok/],
    [{ name: 'Notes' }, /"name"/],
    [{ name: 'a--b' }, /"name"/],
    [{ version: '1.0' }, /"version"/],
    [{ version: 'v1.0.0' }, /"version"/],
    [{ version: '1.0.0+build' }, /"version"/],
    [{ entry: '../app.ts' }, /"entry"/],
    [{ entry: '/etc/app.ts' }, /"entry"/],
    [{ entry: 'app.sh' }, /"entry"/],
    [{ gui: 'gui\\..' }, /"gui"/],
    [{ capabilities: { files: { read: ['notes'] } } }, /files\.read/],
    [{ capabilities: { files: { write: ['~/a/../..'] } } }, /files\.write/],
    [{ capabilities: { network: ['example.com'] } }, /network/],
    [{ capabilities: { dial: ['web'] } }, /dial/],
    [{ capabilities: { run: ['git; rm'] } }, /run/],
    [{ capabilities: { memoryMb: 1e9 } }, /memoryMb/],
  ]
  for (const [change, says] of wrong)
    assert.throws(() => parseManifest(bytesOf({ name: 'notes', version: '1.0.0', ...change })), says)
})

test('parseManifest() gives a manifest or a MeshError for any bytes', () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map(text => new TextEncoder().encode(text)),
      ),
      bytes => {
        try {
          parseManifest(bytes)
        } catch (error) {
          assert.ok(error instanceof MeshError)
        }
      },
    ),
  )
  assert.throws(() => parseManifest(new Uint8Array(16_385)), { code: 'too-large' })
})

test('parseManifest() replaces what a description could do to a terminal', () => {
  const manifest = parseManifest(bytesOf({ name: 'a', version: '1.0.0', description: 'a\u001b[2Jb\u202ec' }))
  assert.equal(manifest.description, 'a\ufffd[2Jb\ufffdc')
})

test('describeCapabilities() tells everything that is asked for, and grantOnly() gives of it what is chosen', () => {
  const { capabilities } = parseManifest(bytesOf(ASKING))
  const keys = describeCapabilities(capabilities).map(({ key }) => key)
  assert.deepEqual(keys, [
    'run:git',
    'write:/srv/out',
    'read:~/notes',
    'network:example.com:443',
    'listen:127.0.0.1:8080',
    'dial:tcp/web',
    'serve:tcp/notes-*',
    'mesh-files:read',
    'storage',
  ])
  assert.deepEqual(grantOnly(capabilities, keys), capabilities)
  for (const key of keys)
    assert.deepEqual(
      describeCapabilities(grantOnly(capabilities, [key])).map(line => line.key),
      [key],
    )
  assert.throws(() => grantOnly(capabilities, ['run:sh']), { code: 'bad-input' })
})

test('compareWithGrants() tells what an update asks for beyond what was granted; who may publish files may read them', () => {
  const { capabilities } = parseManifest(bytesOf(ASKING))
  const more = { ...capabilities, run: ['git', 'sh'], meshFiles: 'write' as const }
  const isNew = (asked: typeof more, granted?: typeof capabilities) =>
    compareWithGrants(asked, granted).flatMap(({ key, isGranted }) => (isGranted ? [] : [key]))
  assert.deepEqual(isNew(more, capabilities), ['run:sh', 'mesh-files:write'])
  assert.deepEqual(isNew({ ...more, meshFiles: 'read' as never }, more), [])
  assert.equal(isNew(more).length, compareWithGrants(more, more).length)
})

test('a pattern of services fits no hidden service but one named in full', () => {
  assert.equal(parseServicePattern('*')('tcp/web'), true)
  for (const pattern of ['*', 'tcp/*', 'tcp/.term*'])
    assert.equal(parseServicePattern(pattern)('tcp/.terminal.bob'), false, pattern)
  assert.equal(parseServicePattern('tcp/.terminal.bob')('tcp/.terminal.bob'), true)
  assert.equal(parseServicePattern('tcp/notes-*')('tcp/notes-1'), true)
  assert.equal(parseServicePattern('tcp/notes-*')('udp/notes-1'), false)
})

test('a pattern of addresses fits its hosts and ports alone', () => {
  const fits = parseNetworkPattern('*.example.com:80,443')
  assert.deepEqual(
    [
      ['a.example.com', 443],
      ['badexample.com', 443],
      ['example.com', 443],
      ['a.example.com', 22],
    ].map(([host, port]) => fits(String(host), Number(port))),
    [true, false, false, false],
  )
  assert.equal(parseNetworkPattern('[2001:db8::]:*')('2001:db8::', 9), true)
})

test('names and versions have one spelling each', () => {
  assert.equal(parseAppName('a-b2'), 'a-b2')
  assert.deepEqual(parseAppRef('alice/notes'), { provider: 'alice', name: 'notes' })
  for (const text of ['notes', 'a/b/c', '/notes', '../notes', 'alice/'])
    assert.throws(() => parseAppRef(text))
  for (const text of ['', '-a', 'a-', 'a--b', 'A', 'a_b', 'é', 'a'.repeat(33)])
    assert.throws(() => parseAppName(text))
  assert.equal(parseAppVersion('1.2.3-beta.1'), '1.2.3-beta.1')
  for (const text of ['1.2', ' 1.2.3', '=1.2.3', '01.2.3', `1.2.3-${'a'.repeat(64)}`])
    assert.throws(() => parseAppVersion(text), { code: 'bad-input' })
})

test('isInsidePath() refuses every way out of a package and every name that some system reads otherwise', () => {
  for (const path of ['app.ts', 'gui/index.html', 'a/b/ü.txt', '.hidden', 'a b'])
    assert.equal(isInsidePath(path), true, path)
  for (const path of [
    '..',
    '../a',
    'a/..',
    'a/../b',
    './a',
    'a/./b',
    '/a',
    'a//b',
    'a/',
    '',
    'a\\b',
    '..\\a',
    'C:',
    'C:/a',
    'a\0b',
    'a\nb',
    'con',
    'NUL.txt',
    'com1',
    'a.',
    'a ',
    'u\u0308',
    'a\u202eb',
    'a:stream',
  ])
    assert.equal(isInsidePath(path), false, JSON.stringify(path))
})
