import type { RegistryLimits } from '../core/registry/registry.ts'

interface NaiveTicket {
  readonly text: string
  readonly dial: string
  readonly accept: string
  readonly askedAt: number
  half: { readonly id: number; readonly side: string } | undefined
  isOver: boolean
}

/**
 * What a registry should answer, worked out the slow way: everything that ever was is kept in a list and looked
 * through each time. Speaks the lines of `playRegistry`, so that the two can be compared word by word.
 */
export class NaiveRegistry {
  readonly #limits: RegistryLimits
  readonly #links: { readonly id: number; readonly endpoint: string; isOpen: boolean }[] = []
  readonly #tickets: NaiveTicket[] = []
  readonly #relays: {
    readonly id: number
    readonly dial: string
    readonly accept: string
    isOpen: boolean
  }[] = []

  constructor(limits: RegistryLimits) {
    this.#limits = limits
  }

  /** @param line  as `playRegistry` takes it @returns the answers */
  hear(line: string): string[] {
    const [, time, event, ...words] = line.split(' ')
    const now = Number(time)
    const [a = '', b = '', c = '', d] = words
    switch (event) {
      case 'link':
        return this.#link(Number(a), b)
      case 'unlink':
        for (const link of this.#links) if (link.id === Number(a)) link.isOpen = false
        return []
      case 'ask':
        return this.#ask(a, b, c, now)
      case 'present':
        return this.#present({ id: Number(a), side: c }, b, d, now)
      case 'drop':
        for (const ticket of this.#open()) if (ticket.half?.id === Number(a)) ticket.isOver = true
        return []
      case 'done':
        for (const relay of this.#relays) if (relay.id === Number(a)) relay.isOpen = false
        return []
      case 'evict':
        return this.#evict(words)
      case 'tick':
        return [...this.#expire(now), ...this.#wake()]
      default:
        return [this.#count()]
    }
  }

  #open(): NaiveTicket[] {
    return this.#tickets.filter(ticket => !ticket.isOver)
  }

  #linkOf(endpoint: string): number | undefined {
    return this.#links.find(link => link.isOpen && link.endpoint === endpoint)?.id
  }

  #link(id: number, endpoint: string): string[] {
    const open = this.#links.filter(link => link.isOpen)
    const older = open.find(link => link.endpoint === endpoint)
    if (older === undefined && open.length >= this.#limits.maxLinks) return [`< close ${id} too-many`]
    if (older !== undefined) older.isOpen = false
    this.#links.push({ id, endpoint, isOpen: true })
    const again = this.#open().filter(({ accept, half }) => accept === endpoint && half?.side !== 'accept')
    const introductions = again.map(({ dial, text }) => `< send ${id} introduce ${dial} ${text}`)
    return older === undefined ? introductions : [`< close ${older.id} conflict`, ...introductions]
  }

  #ask(dial: string, accept: string, text: string, now: number): string[] {
    const link = this.#linkOf(accept)
    if (link === undefined || this.#linkOf(dial) === undefined) return ['! offline']
    const asked = this.#open().filter(ticket => ticket.dial === dial)
    if (this.#isFull(dial) || asked.length >= this.#limits.maxOpenTicketsPerEndpoint) return ['! too-many']
    const isFirst = this.#open().length === 0
    this.#tickets.push({ text, dial, accept, askedAt: now, half: undefined, isOver: false })
    return [`< send ${link} introduce ${dial} ${text}`, ...(isFirst ? this.#wake() : [])]
  }

  #present(half: { id: number; side: string }, text: string, by: string | undefined, now: number): string[] {
    const expired = this.#expire(now)
    const ticket = this.#open().find(open => open.text === text)
    const holder = half.side === 'dial' ? ticket?.dial : ticket?.accept
    const isTheirs = ticket !== undefined && (by === undefined || by === holder)
    if (!isTheirs || ticket.half?.side === half.side) return [...expired, `< refuse ${half.id} bad-ticket`]
    const first = ticket.half
    if (first === undefined) {
      ticket.half = half
      return expired
    }
    ticket.isOver = true
    const [dial, accept] = half.side === 'dial' ? [half.id, first.id] : [first.id, half.id]
    if (this.#isFull(ticket.dial)) {
      return [...expired, `< refuse ${dial} too-many`, `< refuse ${accept} too-many`]
    }
    const id = this.#relays.length + 1
    this.#relays.push({ id, dial: ticket.dial, accept: ticket.accept, isOpen: true })
    return [...expired, `< join ${id}: ${dial} ${accept}`]
  }

  #isFull(dial: string): boolean {
    const open = this.#relays.filter(relay => relay.isOpen)
    const own = open.filter(relay => relay.dial === dial)
    return open.length >= this.#limits.maxRelays || own.length >= this.#limits.maxRelaysPerEndpoint
  }

  #evict(endpoints: string[]): string[] {
    const lines: string[] = []
    for (const endpoint of new Set(endpoints)) {
      const link = this.#links.find(({ isOpen, endpoint: owner }) => isOpen && owner === endpoint)
      if (link === undefined) continue
      link.isOpen = false
      lines.push(`< close ${link.id} evicted`)
    }
    for (const ticket of this.#open()) {
      if (!endpoints.includes(ticket.dial) && !endpoints.includes(ticket.accept)) continue
      ticket.isOver = true
      if (ticket.half !== undefined) lines.push(`< refuse ${ticket.half.id} evicted`)
    }
    for (const { id, dial, accept, isOpen } of this.#relays) {
      if (isOpen && (endpoints.includes(dial) || endpoints.includes(accept))) lines.push(`< cut ${id}`)
    }
    return lines
  }

  #expire(now: number): string[] {
    const lines: string[] = []
    for (const ticket of this.#open()) {
      if (now - ticket.askedAt < this.#limits.ticketLifeMs) continue
      ticket.isOver = true
      if (ticket.half !== undefined) lines.push(`< refuse ${ticket.half.id} timed-out`)
    }
    return lines
  }

  #wake(): string[] {
    const [first] = this.#open()
    return first === undefined ? [] : [`< wake ${first.askedAt + this.#limits.ticketLifeMs}`]
  }

  #count(): string {
    const links = this.#links.filter(({ isOpen }) => isOpen).length
    const relays = this.#relays.filter(({ isOpen }) => isOpen)
    const tickets = this.#open()
    const askers = new Set(tickets.map(({ dial }) => dial)).size
    const diallers = new Set(relays.map(({ dial }) => dial)).size
    const halves = tickets.filter(({ half }) => half !== undefined).length
    const entries = 2 * links + relays.length + tickets.length + halves + askers + diallers
    return `= ${links} links, ${relays.length} relays, ${tickets.length} tickets, ${entries} entries`
  }
}
