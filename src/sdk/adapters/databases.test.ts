import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { userInfo } from 'node:os'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { Redis } from 'ioredis'
import pg from 'pg'
import { Client as SshClient } from 'ssh2'
import { startPostgres, startRedis, startSshd } from '../../testing/programs.ts'
import { makeScratchFolder } from '../../testing/scratch-folder.ts'
import { createSdkLab, type SdkLab } from '../../testing/sdk-lab.ts'
import type { Context } from '../context.ts'

/** Host a program that listens at a port of loopback, and give a program that may dial it. */
async function front(lab: SdkLab, service: string, port: number): Promise<Context> {
  await lab.service(service)
  const host = lab.context(await lab.identity('host', 'host'))
  const listener = await host.listen(service)
  listener.onConnection(connection => {
    const target = connect(port, '127.0.0.1')
    target.on('error', () => connection.destroy()).on('close', () => connection.destroy())
    connection.on('close', () => target.destroy())
    connection.pipe(target).pipe(connection)
  })
  return lab.context(await lab.identity('guest', 'dialler'))
}

test('pg: clients, a pool, and a query that fails', async () => {
  await using database = await startPostgres()
  await using lab = await createSdkLab()
  const guest = await front(lab, 'db', database.port)
  const login = { ...guest.connector().pg('db'), user: 'postgres', database: 'postgres' }
  const client = new pg.Client(login)
  await client.connect()
  await client.query('create table words (word text)')
  await client.query('insert into words select md5(i::text) from generate_series(1, 5000) i')
  const { rows } = await client.query('select word from words')
  assert.equal(rows.length, 5_000)
  await assert.rejects(client.query('select nonsense'), /nonsense/)
  await client.end()
  const pool = new pg.Pool({ ...login, max: 3 })
  const answers = await Promise.all(
    Array.from({ length: 9 }, (_, i) => pool.query('select $1::int as n', [i])),
  )
  assert.deepEqual(
    answers.map(answer => answer.rows[0].n),
    [0, 1, 2, 3, 4, 5, 6, 7, 8],
  )
  await pool.end()
})

test('ioredis: commands, a pipeline, subscriptions', async () => {
  await using server = await startRedis()
  await using lab = await createSdkLab()
  const guest = await front(lab, 'cache', server.port)
  const redis = new Redis({ ...guest.connector().redis('cache') })
  await redis.set('key', 'x'.repeat(200_000))
  assert.equal((await redis.get('key'))?.length, 200_000)
  assert.deepEqual(await redis.pipeline().incr('n').incr('n').exec(), [
    [null, 1],
    [null, 2],
  ])
  const listener = redis.duplicate()
  await listener.subscribe('news')
  const message = once(listener, 'message')
  await redis.publish('news', 'hello')
  assert.deepEqual(await message, ['news', 'hello'])
  await Promise.all([redis.quit(), listener.quit()])
})

test('ssh2: a command on another computer', async () => {
  using scratch = makeScratchFolder()
  await using server = await startSshd(scratch.path)
  await using lab = await createSdkLab()
  const guest = await front(lab, 'shell', server.port)
  const client = new SshClient()
  client.connect({
    ...guest.connector().ssh('shell'),
    username: userInfo().username,
    privateKey: await readFile(scratch.file('user')),
  })
  await once(client, 'ready')
  const said = await new Promise<string>((resolve, reject) => {
    client.exec('echo hello from the far side', (error, stream) => {
      if (error) reject(error)
      else resolve(text(stream))
    })
  })
  assert.equal(said, 'hello from the far side\n')
  client.end()
})
