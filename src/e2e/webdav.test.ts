import assert from 'node:assert/strict'
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import http, { type IncomingMessage } from 'node:http'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { createTunnelLab, type TunnelLab } from '../testing/tunnel-lab.ts'

/** A share that is served, and what was told of it. */
interface Served {
  readonly child: ChildProcess
  readonly url: string
  readonly password: string
  readonly isReadOnly: boolean
}

let lab: TunnelLab
let far: string
let share: Served

before(async () => {
  lab = await createTunnelLab()
  far = join(lab.folder, 'far')
  mkdirSync(far)
  share = await serve('work', `home:${far}`)
})

after(async () => {
  share?.child.kill('SIGKILL')
  await lab[Symbol.asyncDispose]()
})

/** `ztm file serve` by the agent of a state folder, on any port. */
async function serve(data: string, folder: string, ...words: string[]): Promise<Served> {
  const all = ['file', 'serve', folder, '--listen', '127.0.0.1:0', '-o', 'json', ...words]
  const [file = '', ...args] = lab.commandLine(data, ...all)
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const told = await new Promise<string>((resolve, reject) => {
    let text = ''
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      if (text.trimEnd().endsWith('}')) resolve(text)
    })
    child.once('exit', code => reject(new Error(`file serve ended with ${code}: ${text}`)))
  })
  return { child, ...JSON.parse(told) }
}

/** Run curl. @returns the status it got, and what came */
async function curl(path: string, ...words: string[]): Promise<{ status: number; body: string }> {
  const login =
    words.includes('--user') || words.includes('--anonymous') ? [] : ['--user', `ztm:${share.password}`]
  const args = words.filter(word => word !== '--anonymous')
  const all = [
    '--silent',
    '--path-as-is',
    '--write-out',
    '\n%{http_code}',
    ...login,
    ...args,
    `${share.url}${path}`,
  ]
  const child = execFile('curl', all, { maxBuffer: 50_000_000 })
  let text = ''
  child.stdout?.on('data', chunk => {
    text += chunk
  })
  await once(child, 'close')
  const at = text.lastIndexOf('\n')
  return { status: Number(text.slice(at + 1)), body: text.slice(0, at) }
}

const statusOf = async (path: string, ...words: string[]) => (await curl(path, ...words)).status

test('litmus passes over a mesh: basic, copymove, props, locks and http', async () => {
  const child = execFile('litmus', ['-k', share.url, 'ztm', share.password], { cwd: lab.folder })
  let text = ''
  child.stdout?.on('data', chunk => {
    text += chunk
  })
  const [code] = await once(child, 'close')
  const summaries = [...text.matchAll(/summary for `(\w+)': of (\d+) tests run: (\d+) passed, (\d+) failed/g)]
  assert.equal(code, 0, text)
  assert.deepEqual(
    summaries.map(([, name, , , failed]) => [name, failed]),
    ['basic', 'copymove', 'props', 'locks', 'http'].map(name => [name, '0']),
    text,
  )
  for (const [, , run, passed] of summaries) assert.equal(passed, run)
})

test('nobody without the password, no page of a browser and no other host name gets in', async () => {
  writeFileSync(join(far, 'secret.txt'), 'secret')
  assert.equal(await statusOf('secret.txt', '--anonymous'), 401)
  assert.equal(await statusOf('secret.txt', '--user', 'ztm:wrong'), 401)
  assert.equal(await statusOf('secret.txt', '--user', `root:${share.password}`), 401)
  assert.equal(await statusOf('secret.txt', '--digest', '--user', 'ztm:wrong'), 401)
  assert.deepEqual(await curl('secret.txt'), { status: 200, body: 'secret' })
  assert.equal(await statusOf('secret.txt', '--digest', '--user', `ztm:${share.password}`), 200)
  assert.equal(await statusOf('secret.txt', '--header', 'Host: evil.example'), 403)
  assert.equal(await statusOf('secret.txt', '--header', 'Origin: http://evil.example'), 403)
  assert.equal(await statusOf('secret.txt', '--header', 'Sec-Fetch-Site: cross-site'), 403)
  const preflight = ['--request', 'OPTIONS', '--header', 'Origin: null']
  assert.equal(await statusOf('', ...preflight), 403)
  const open = await lab.ztm('work', ['file', 'serve', `home:${far}`, '--listen', '0.0.0.0:0'])
  assert.equal(open.code, 2)
  assert.match(open.stderr, /only on this computer itself/)
})

test('no spelling of a path and no link leads out, and what is in no folder cannot be served', async () => {
  writeFileSync(join(lab.folder, 'outside'), 'outside')
  symlinkSync(join(lab.folder, 'outside'), join(far, 'link'))
  symlinkSync(lab.folder, join(far, 'folder-link'))
  const spellings = [
    '../outside',
    '%2e%2e/outside',
    '..%2foutside',
    'a/../../outside',
    '%2e./outside',
    '//outside',
    '.',
  ]
  for (const spelling of [...spellings, 'a%00b', '%ff', 'a?b', `%${'2525'.repeat(3)}`]) {
    assert.ok([400, 404].includes(await statusOf(spelling)), spelling)
    assert.ok([400, 404, 409].includes(await statusOf(spelling, '--request', 'DELETE')), spelling)
  }
  for (const path of ['link', 'folder-link', 'folder-link/outside']) {
    assert.equal(await statusOf(path), 403, path)
    assert.equal(await statusOf(path, '--upload-file', join(far, 'secret.txt')), 403, path)
    assert.equal(await statusOf(path, '--request', 'DELETE'), 403, path)
    const copy = ['--request', 'COPY', '--header', `Destination: ${share.url}${path}`]
    assert.equal(await statusOf('secret.txt', ...copy), 403, path)
  }
  const elsewhere = ['--request', 'MOVE', '--header', 'Destination: http://evil.example/x']
  assert.equal(await statusOf('secret.txt', ...elsewhere), 502)
  assert.ok(!(await curl('', '--request', 'PROPFIND', '--header', 'Depth: 1')).body.includes('link'))
  assert.equal(readFileSync(join(lab.folder, 'outside'), 'utf8'), 'outside')
  assert.equal((await lab.ztm('work', ['file', 'serve', `home:${far}/secret.txt`])).code, 2)
})

test('XML that grows, nests or does not end is refused', async () => {
  const bomb =
    '<!DOCTYPE a [<!ENTITY b "bbbb"><!ENTITY c "&b;&b;&b;">]><propfind xmlns="DAV:"><prop>&c;</prop></propfind>'
  const ask = (body: string) => {
    writeFileSync(join(lab.folder, 'body'), body)
    const words = [
      '--request',
      'PROPFIND',
      '--header',
      'Depth: 0',
      '--data-binary',
      `@${join(lab.folder, 'body')}`,
    ]
    return statusOf('', ...words)
  }
  assert.equal(await ask(bomb), 400)
  assert.equal(await ask('<propfind xmlns="DAV:"><allprop/>'), 400)
  assert.ok((await ask('<a>'.repeat(1_000) + '</a>'.repeat(1_000))) >= 400)
  assert.ok((await ask(`<a>${'<b/>'.repeat(20_000)}</a>`)) >= 400)
  assert.ok((await ask(`<a>${' '.repeat(2_000_000)}</a>`)) >= 400)
  assert.equal(await ask('<propfind xmlns="DAV:"><allprop/></propfind>'), 207)
  assert.equal(await statusOf('', '--request', 'PROPFIND', '--header', 'Depth: infinity'), 403)
})

test('ranges, versions and names in any script', async () => {
  const name = 'Ünïcode 日本 #?%&.txt'
  writeFileSync(join(far, name), '0123456789')
  const path = encodeURIComponent(name)
  assert.deepEqual(await curl(path, '--range', '2-4'), { status: 206, body: '234' })
  assert.deepEqual(await curl(path, '--range', '-3'), { status: 206, body: '789' })
  assert.equal(await statusOf(path, '--range', '10-'), 416)
  assert.ok((await curl('', '--request', 'PROPFIND', '--header', 'Depth: 1')).body.includes(`/${path}`))
  const { body } = await curl(path, '--head')
  const etag = /etag: (".*")/i.exec(body)?.[1] ?? ''
  assert.equal(await statusOf(path, '--header', `If-None-Match: ${etag}`), 304)
  const put = ['--upload-file', join(far, 'secret.txt')]
  assert.equal(await statusOf(path, ...put, '--header', 'If-Match: "other"'), 412)
  assert.equal(await statusOf(path, ...put, '--header', 'If-None-Match: *'), 412)
  assert.equal(readFileSync(join(far, name), 'utf8'), '0123456789')
  assert.equal(await statusOf(path, ...put, '--header', `If-Match: ${etag}`), 204)
  assert.equal(readFileSync(join(far, name), 'utf8'), 'secret')
  const move = ['--request', 'MOVE', '--header', `Destination: ${share.url}moved`]
  assert.equal(await statusOf(path, ...move), 201)
  assert.equal(readFileSync(join(far, 'moved'), 'utf8'), 'secret')
})

test('a file that its computer loses in the middle of a PUT is the old one, whole, and the share goes on', async () => {
  writeFileSync(join(far, 'kept'), 'old')
  const request = http.request(`${share.url}kept`, { method: 'PUT', auth: `ztm:${share.password}` })
  // Also what comes after the first.
  request.on('error', () => {})
  const answered = once(request, 'response').then(
    ([response]: IncomingMessage[]) => response?.resume().statusCode,
    () => 'broken',
  )
  const piece = Buffer.alloc(1_048_576, 7)
  const isThere = () =>
    readdirSync(far).some(
      name => name.startsWith('.ztm-part-') && statSync(join(far, name)).size > piece.length,
    )
  while (!isThere()) {
    request.write(piece)
    await delay(50)
  }
  await [...lab.daemons].find(({ name }) => name === 'home')?.stop('SIGKILL')
  await lab.startAgent('home')
  request.end(piece)
  const status = await answered
  assert.ok(status === 'broken' || Number(status) >= 500, String(status))
  assert.equal(readFileSync(join(far, 'kept'), 'utf8'), 'old')
  let last = 0
  for (let tries = 0; tries < 60 && last !== 204; tries++) {
    last = await statusOf('kept', '--upload-file', join(far, 'secret.txt'))
    if (last !== 204) await delay(500)
  }
  assert.equal(readFileSync(join(far, 'kept'), 'utf8'), 'secret')
})

test('a program that goes in the middle of a PUT leaves nothing', async () => {
  const before = readdirSync(far)
  const request = http.request(`${share.url}given-up`, { method: 'PUT', auth: `ztm:${share.password}` })
  request.on('error', () => {})
  const parts = () => readdirSync(far).filter(name => !before.includes(name))
  while (parts().length === 0) {
    request.write(Buffer.alloc(1_048_576, 7))
    await delay(50)
  }
  request.destroy()
  while (parts().length > 0) await delay(50)
  assert.ok(!existsSync(join(far, 'given-up')))
})

test('a file of a GiB goes both ways, and memory stays small', async () => {
  const size = 1_073_741_824
  writeFileSync(join(far, 'large'), 'begin')
  truncateSync(join(far, 'large'), size)
  const { body } = await curl(
    'large',
    '--output',
    '/dev/null',
    '--write-out',
    '%{size_download}\n%{http_code}',
  )
  assert.equal(body, String(size))
  assert.equal(await statusOf('large-back', '--upload-file', join(far, 'large')), 201)
  const back = statSync(join(far, 'large-back'))
  assert.equal(back.size, size)
  assert.ok(back.blocks * 512 < 100_000_000, 'its holes are holes')
  const copy = ['--request', 'COPY', '--header', `Destination: ${share.url}copied`]
  assert.equal(await statusOf('moved', ...copy), 201)
  const status = readFileSync(`/proc/${share.child.pid}/status`, 'utf8')
  const peakKib = Number(/VmHWM:\s+(\d+)/.exec(status)?.[1])
  assert.ok(peakKib < 700_000, `${peakKib} KiB at most`)
})

test('a folder that was granted for reading can be read alone, and Ctrl-C ends it all', async () => {
  const permit = join(lab.folder, 'bob.json')
  await lab.run('home', 'invite', 'bob', '--permit', permit)
  await lab.join('guest', { permit })
  const theirs = join(lab.folder, 'theirs')
  mkdirSync(theirs)
  writeFileSync(join(theirs, 'a'), 'theirs')
  await lab.run('guest', 'file', 'grant', theirs, '--user', 'root')
  const other = await serve('work', `bob@guest:${theirs}`)
  assert.equal(other.isReadOnly, true)
  const login = `ztm:${other.password}`
  const ask = async (...words: string[]) => {
    const child = execFile('curl', ['--silent', '--write-out', '%{http_code}', '--user', login, ...words])
    let text = ''
    child.stdout?.on('data', chunk => {
      text += chunk
    })
    await once(child, 'close')
    return text
  }
  assert.equal(await ask(`${other.url}a`), 'theirs200')
  for (const words of [
    ['--upload-file', permit],
    ['--request', 'DELETE'],
    ['--request', 'MKCOL'],
    ['--request', 'LOCK'],
  ])
    assert.match(await ask(...words, `${other.url}b`), /403$/, words.join(' '))
  assert.deepEqual(readdirSync(theirs), ['a'])
  for (const one of [other, share]) {
    const ended = once(one.child, 'exit')
    one.child.kill('SIGINT')
    assert.equal((await ended)[0], 0)
  }
})
