import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../src/testing/process-mesh.ts'
import { type Program, startProgram, startSshd } from '../../src/testing/programs.ts'
import type { Contestant } from '../contestant.ts'

/** OpenSSH with local forwarding, over an sshd of its own. */
export function sshContestant(): Contestant {
  let folder: string | undefined
  let server: Program | undefined
  let client: Program | undefined
  return {
    name: 'ssh -L',
    shape: 'OpenSSH ssh -L and sshd, one TCP connection, aes128-gcm; no relay in between',
    async start(targetPorts) {
      folder = await mkdtemp(join(tmpdir(), 'ztm-bench-ssh-'))
      const sshd = await startSshd(folder)
      server = sshd
      const [first, ...others] = targetPorts
      const more = await Promise.all(others.map(async target => ({ target, port: await freePort() })))
      const forward = (port: number, target: number | undefined) => [
        '-L',
        `127.0.0.1:${port}:127.0.0.1:${target}`,
      ]
      client = await startProgram(port => [
        'ssh',
        '-N',
        ...sshd.login,
        '-c',
        'aes128-gcm@openssh.com',
        '-o',
        'ExitOnForwardFailure=yes',
        ...forward(port, first),
        ...more.flatMap(each => forward(each.port, each.target)),
        '-p',
        String(sshd.port),
        '127.0.0.1',
      ])
      return { ports: [client.port, ...more.map(({ port }) => port)] }
    },
    async stop() {
      await client?.[Symbol.asyncDispose]()
      await server?.[Symbol.asyncDispose]()
      if (folder !== undefined) await rm(folder, { recursive: true, force: true })
      client = undefined
      server = undefined
    },
    pids: () => ({
      ...(client?.child.pid && { ssh: client.child.pid }),
      ...(server?.child.pid && { sshd: server.child.pid }),
    }),
  }
}
