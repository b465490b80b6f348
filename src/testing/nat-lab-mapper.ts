import { existsSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { RouterLanguage } from '../net/router-port.ts'
import { type NatLab, UPLINK } from './nat-lab.ts'
import type { NetHost } from './net-lab.ts'

/** Why no router of a lab can forward ports on request; undefined if it can. */
export function whyNoPortMapper(): string | undefined {
  return existsSync(PROGRAM) ? undefined : `${PROGRAM} is missing: it is in Debian's package miniupnpd`
}

/**
 * Let the router of a site forward ports to whoever asks in one language. It gets a second address outside, from which
 * all of the site come: `miniupnpd` forwards from none that is reserved, as those of a lab are.
 *
 * @param folder  for its settings
 * @returns the router
 */
export async function startPortMapper(
  lab: NatLab,
  site: string,
  { folder, language, outer }: { folder: string; language: RouterLanguage; outer: string },
): Promise<NetHost> {
  const router = lab.routers.get(site)?.[0]
  if (router === undefined) throw new Error(`site "${site}" has no router`)
  const [, gateway = ''] = /via (\S+)/.exec(await router.run('ip', ['-4', 'route', 'show', 'default'])) ?? []
  const inside = gateway.replace(/\d+$/, '2')
  await lab.internet.ip(`route add ${outer}/32 via ${inside}`)
  await router.ip(`address add ${outer}/32 dev ${UPLINK}`)
  await router.nft(rulesFor(outer))
  const file = join(folder, `${site}.conf`)
  await writeFile(file, settings(outer, language))
  const daemon = router.spawn(PROGRAM, ['-d', '-f', file, '-P', join(folder, `${site}.pid`)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  await new Promise<void>((resolve, reject) => {
    let said = ''
    const listen = (chunk: Buffer) => {
      said += chunk.toString()
      if (said.includes(READY[language])) resolve()
    }
    daemon.stdout?.on('data', listen)
    daemon.stderr?.on('data', listen)
    daemon.once('close', code => reject(new Error(`${PROGRAM} ended with ${code}: ${said}`)))
  })
  return router
}

/** What the router forwards now, as nft(8) shows it. */
export async function mappedPorts(router: NetHost): Promise<string[]> {
  const chain = await router.run('nft', ['list', 'chain', 'inet', 'miniupnpd', 'prerouting_miniupnpd'])
  return chain.split('\n').flatMap(line => (line.includes('dnat') ? [line.trim()] : []))
}

/** Before the masquerading of `natRules`, whose first match would be final. */
function rulesFor(outer: string): string {
  return `
    table inet miniupnpd {
      chain miniupnpd {
      }
      chain prerouting_miniupnpd {
      }
      chain postrouting_miniupnpd {
      }
      chain prerouting {
        type nat hook prerouting priority -101
        jump prerouting_miniupnpd
      }
      chain postrouting {
        type nat hook postrouting priority 98
        jump postrouting_miniupnpd
      }
    }
    table ip outer {
      chain postrouting {
        type nat hook postrouting priority 99
        oifname "${UPLINK}" meta l4proto udp snat to ${outer}:20000-60000 fully-random
        oifname "${UPLINK}" snat to ${outer}
      }
    }`
}

function settings(outer: string, language: RouterLanguage): string {
  const lines = {
    ext_ifname: UPLINK,
    ext_ip: outer,
    listening_ip: 'lan',
    enable_upnp: language === 'upnp' ? 'yes' : 'no',
    enable_natpmp: language === 'nat-pmp' ? 'yes' : 'no',
    secure_mode: 'yes',
    uuid: '2f0a3d1c-3b54-4d0e-8a7b-0f1e2d3c4b5a',
    upnp_table_name: 'miniupnpd',
    upnp_nat_table_name: 'miniupnpd',
    upnp_forward_chain: 'miniupnpd',
    upnp_nat_chain: 'prerouting_miniupnpd',
    upnp_nat_postrouting_chain: 'postrouting_miniupnpd',
  }
  const allowed = 'allow 1024-65535 10.0.0.0/8 1024-65535\ndeny 0-65535 0.0.0.0/0 0-65535\n'
  return `${Object.entries(lines)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')}${allowed}`
}

const READY = { upnp: 'HTTP listening on port', 'nat-pmp': 'Listening for NAT-PMP/PCP traffic' } as const
const PROGRAM = '/usr/sbin/miniupnpd'
