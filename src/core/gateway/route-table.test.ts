import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRouteTable } from './route-table.ts'

const ROUTES = [
  { host: '*', path: '/*' },
  { host: '*', path: '/v1/*' },
  { host: '*', path: '/v1/users/:id' },
  { host: '*', path: '/v1/users/me' },
  { host: '*', path: '/v1/:kind/me' },
  { host: '*.example.com', path: '/*' },
  { host: '*.a.example.com', path: '/x' },
  { host: 'www.example.com', path: '/admin/*' },
]
const table = createRouteTable(ROUTES)

const cases: [host: string, target: string, found: string, parameters?: Record<string, string>][] = [
  ['other', '/', '*/*'],
  ['other', '/v1', '*/v1/*'],
  ['other', '/v1/', '*/v1/*'],
  ['other', '/v12', '*/*'],
  ['other', '/v1/users/7?x=/v1/users/me', '*/v1/users/:id', { id: '7' }],
  ['other', '/v1/users/%6de', '*/v1/users/me'],
  ['other', '//v1//users/me', '*/v1/users/me'],
  ['other', '/v1/things/me', '*/v1/:kind/me', { kind: 'things' }],
  ['other', '/v1/users/a%20b', '*/v1/users/:id', { id: 'a b' }],
  ['b.a.example.com', '/x', '*.a.example.com/x'],
  ['b.a.example.com', '/y', '*.example.com/*'],
  ['www.example.com', '/%61dmin/x', 'www.example.com/admin/*'],
  ['www.example.com', '/else', '*.example.com/*'],
  ['example.com', '/', '*/*'],
]
for (const [host, target, found, parameters = {}] of cases) {
  test(`find() takes ${host}${target} to ${found}`, () => {
    const match = table.find(host, target)
    assert.equal(`${match?.route.host}${match?.route.path}`, found)
    assert.deepEqual(match?.parameters, parameters)
  })
}

const hostile = [
  '/v1/../admin',
  '/v1/%2e%2e/admin',
  '/v1/.%2E/admin',
  '/v1/..%2fadmin',
  '/v1/..;x/admin',
  '/v1\\..\\admin',
  '/v1/%5c..%5cadmin',
  '/./x',
  '/a%00b',
  '/a%0d%0ab',
  '/%ff',
  '/%zz',
  'http://x/',
  '*',
  '',
  '/admin%2fusers',
]
for (const target of hostile) {
  test(`find() refuses ${JSON.stringify(target)}, which programs may read otherwise`, () => {
    assert.throws(() => table.find('www.example.com', target), { code: 'bad-message' })
  })
}

test('find() takes an encoded slash where it changes no route', () => {
  assert.equal(table.find('www.example.com', '/scope%2fname')?.route.host, '*.example.com')
})

test('createRouteTable() refuses two routes for the same requests, and what is no pattern', () => {
  const of = (...paths: string[]) => createRouteTable(paths.map(path => ({ host: '*', path })))
  assert.throws(() => of('/a/:b', '/a/:c'), { code: 'bad-input' })
  assert.throws(() => of('/a', '/a/'), { code: 'bad-input' })
  for (const path of ['a', '/a*', '/*/b', '/:', '/:1', '/%zz'])
    assert.throws(() => of(path), { code: 'bad-input' })
})
