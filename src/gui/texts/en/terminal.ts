/** What the page says of terminals, in English. */
export const TERMINAL_EN = {
  'terminal.attach': 'Attach',
  'terminal.command': 'Program',
  'terminal.leave': 'Leave it running',
  'terminal.lost': 'The line broke. Opening it again …',
  'terminal.none': 'No session is open there.',
  'terminal.open': 'Open a terminal',
  'terminal.over': 'It ended: {how}',
  'terminal.screen': 'Terminal',
  'terminal.session': 'Session',
  'terminal.sessions': 'Sessions',
  'terminal.started': 'Started',
  'terminal.title': 'Terminals',
} as const
