/**
 * How a router translates UDP; RFC 3489 names, in terms of RFC 4787: mapping EIM (endpoint independent) or EDM
 * (endpoint dependent), filtering EIF (endpoint independent), ADF (address dependent) or APDF (address and port
 * dependent).
 *
 * - `full-cone` EIM/EIF
 * - `address-restricted` EIM/ADF
 * - `port-restricted` EIM/APDF
 * - `symmetric` EDM/APDF
 * - `udp-blocked` no UDP at all; TCP as with all the others
 */
export type NatKind = 'full-cone' | 'address-restricted' | 'port-restricted' | 'symmetric' | 'udp-blocked'

/** All kinds, most open first. */
export const NAT_KINDS: readonly NatKind[] = [
  'full-cone',
  'address-restricted',
  'port-restricted',
  'symmetric',
  'udp-blocked',
]

/**
 * Rules for nft(8) that make a router of that kind: `eth0` is its uplink, `lan` its local network.
 *
 * Linux by itself translates as port-restricted does. What comes from outside unasked is dropped, also what is for
 * the router: it must leave no trace in conntrack, where it would take the port of the mapping that is about to be
 * made. `full-cone` and `address-restricted` remember which computer sends from which port, and pass on what comes to
 * that port; the first also from the inside (hairpin).
 *
 * @param options.isFirst  whether it is at the internet: then it lets in only answers of IPv6
 */
export function natRules(kind: NatKind, { isFirst }: { isFirst: boolean }): string {
  const { inside, translated } = RULES[kind]
  const firewallV6 = `
    table ip6 n {
      chain forward {
        type filter hook forward priority 0
        ${kind === 'udp-blocked' ? 'meta l4proto udp drop' : ''}
        ${isFirst ? `iifname "eth0" ct state new meta l4proto { tcp, udp } drop` : ''}
      }
    }`
  return `
    table ip n {
      map mappings {
        typeof udp sport : ip saddr
        flags dynamic,timeout
        timeout 5m
        size 65535
      }
      set contacted {
        typeof ip daddr . udp sport
        flags dynamic,timeout
        timeout 5m
        size 65535
      }
      chain input {
        type filter hook input priority 0
        iifname "eth0" ct state new drop
      }
      chain forward {
        type filter hook forward priority 0
        ${kind === 'udp-blocked' ? 'meta l4proto udp drop' : ''}
        ${inside}
        iifname "eth0" ct state new ct status dnat accept
        iifname "eth0" ct state new drop
      }
      chain prerouting {
        type nat hook prerouting priority -100
        ${translated.prerouting}
      }
      chain postrouting {
        type nat hook postrouting priority 100
        ${translated.postrouting}
        oifname "eth0" masquerade
      }
    }
    ${firewallV6}`
}

/** Of the forward chain, and of those that translate. */
interface Rules {
  readonly inside: string
  readonly translated: { readonly prerouting: string; readonly postrouting: string }
}

const REMEMBER_MAPPING = 'oifname "eth0" meta l4proto udp update @mappings { udp sport : ip saddr }'
const NOTHING = { prerouting: '', postrouting: '' }

const RULES: Readonly<Record<NatKind, Rules>> = {
  'full-cone': {
    inside: REMEMBER_MAPPING,
    translated: {
      prerouting: 'fib daddr type local meta l4proto udp dnat to udp dport map @mappings',
      postrouting: 'iifname "lan" oifname "lan" ct status dnat masquerade',
    },
  },
  'address-restricted': {
    inside: `${REMEMBER_MAPPING}
        oifname "eth0" meta l4proto udp update @contacted { ip daddr . udp sport }`,
    translated: {
      prerouting: 'iifname "eth0" ip saddr . udp dport @contacted dnat to udp dport map @mappings',
      postrouting: '',
    },
  },
  'port-restricted': { inside: '', translated: NOTHING },
  symmetric: {
    inside: '',
    translated: {
      prerouting: '',
      postrouting: 'oifname "eth0" meta l4proto udp masquerade to :20000-60000 fully-random',
    },
  },
  'udp-blocked': { inside: '', translated: NOTHING },
}
