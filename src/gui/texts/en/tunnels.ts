/** What the page says of tunnels, in English. */
export const TUNNELS_EN = {
  'tunnel.closeAsk': 'Close {name}? Its open connections end.',
  'tunnel.connections': 'Connections',
  'tunnel.endpoint': 'Endpoint',
  'tunnel.exit': 'Leads to',
  'tunnel.in': 'Ports that are open here',
  'tunnel.inNone': 'No port is open here.',
  'tunnel.listen': 'Local port',
  'tunnel.name': 'Name',
  'tunnel.new': 'New tunnel',
  'tunnel.newHelp': 'A port of this computer leads to a port that an endpoint of yours can reach.',
  'tunnel.open': 'Open',
  'tunnel.out': 'What others can reach here',
  'tunnel.outNone': 'Nothing is offered here.',
  'tunnel.target': 'Port there, or host:port',
  'tunnel.traffic': 'Sent / received',
  'tunnels.title': 'Tunnels',
} as const
