import { spawnSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { execute } from '../../src/testing/programs.ts'
import type { OverlayProgram } from './overlay.ts'

/** Nebula (Debian's package `nebula`): IP packets over UDP, each encrypted, through a device of the kernel. */
export const NEBULA: OverlayProgram = {
  name: 'nebula',
  whyNot: () =>
    spawnSync('nebula', ['-version']).status === 0 && spawnSync('nebula-cert', ['-version']).status === 0
      ? undefined
      : '`nebula` and `nebula-cert` are not in the path: install the package `nebula`',
  async start(mesh, port, folder) {
    const file = (name: string) => join(folder, name)
    const ca = ['-ca-crt', file('ca.crt'), '-ca-key', file('ca.key')]
    await execute('nebula-cert', [
      'ca',
      '-name',
      'bench',
      '-out-crt',
      file('ca.crt'),
      '-out-key',
      file('ca.key'),
    ])
    for (const [name, address] of Object.entries(ADDRESSES)) {
      const out = ['-out-crt', file(`${name}.crt`), '-out-key', file(`${name}.key`)]
      await execute('nebula-cert', ['sign', ...ca, '-name', name, '-ip', `${address}/24`, ...out])
      // What is JSON is YAML.
      await writeFile(file(`${name}.yml`), JSON.stringify(configOf(name, file)))
      mesh.lab.host(name).spawn('nebula', ['-config', file(`${name}.yml`)], { stdio: 'ignore' })
    }
    // Its device takes a moment; until then the ping goes elsewhere and ends at once.
    const ping = `for i in $(seq 20); do ping -c 1 -W 1 ${ADDRESSES.home} >/dev/null && exit 0; sleep 0.2; done; exit 1`
    await mesh.lab.host('work').run('bash', ['-c', ping], { timeoutMs: 30_000 })
    return { host: ADDRESSES.home, port }
  },
}

const ADDRESSES = { home: '10.99.0.1', work: '10.99.0.2' }

function configOf(name: string, file: (name: string) => string): object {
  const isHome = name === 'home'
  const any = [{ port: 'any', proto: 'any', host: 'any' }]
  return {
    pki: { ca: file('ca.crt'), cert: file(`${name}.crt`), key: file(`${name}.key`) },
    // Addresses of sites are in the order of sites: this is home's.
    static_host_map: { [ADDRESSES.home]: ['198.18.1.2:4242'] },
    lighthouse: { am_lighthouse: isHome, ...(!isHome && { hosts: [ADDRESSES.home] }) },
    listen: { host: '0.0.0.0', port: 4242 },
    tun: { dev: 'neb1', mtu: 1_300 },
    firewall: { outbound: any, inbound: any },
  }
}
