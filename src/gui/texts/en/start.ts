/** What the page says of joining and starting a mesh, in English. */
export const START_EN = {
  'start.answers': 'answers',
  'start.busy': 'Working …',
  'start.button': 'Start',
  'start.camera': 'Picture of the camera',
  'start.done': 'done',
  'start.expires': 'It ends {when}.',
  'start.file': 'Choose a permit, or a picture of its QR code',
  'start.go': 'Go to the mesh',
  'start.handler': 'Open web+ztm: links with this page',
  'start.help':
    'A hub is what the computers of a mesh meet at. It runs on this computer, and needs one port that the others can reach.',
  'start.inside':
    'Computers elsewhere cannot reach it yet: let your router forward the port to this computer, TCP and UDP, and start the hub again with your public address among its names.',
  'start.known': 'There was a hub here before: it keeps its mesh.',
  'start.leads': 'It leads to',
  'start.names': 'Where the others reach it',
  'start.namesHelp':
    'address:port. The public address or name of this computer, if it has one; those of its own network.',
  'start.none': 'No permit? Start a mesh of your own.',
  'start.outside':
    'Whether a firewall keeps others out cannot be seen from here: try it from a telephone that is not in this network, or join with another computer.',
  'start.port': 'Port of the hub',
  'start.portHelp': 'TCP and UDP.',
  'start.reach.computer': 'for this computer alone',
  'start.reach.internet': 'from the internet',
  'start.reach.network': 'for computers of this network',
  'start.reach.unknown': 'wherever that name leads here',
  'start.running': 'A hub runs on this computer already.',
  'start.runs.process':
    'It runs until this computer restarts. `ztm start hub` in a terminal makes it a service.',
  'start.runs.running': 'It ran already.',
  'start.runs.service': 'It runs as a service of this computer.',
  'start.scan': 'Scan a QR code',
  'start.scanning': 'Hold the QR code in front of the camera.',
  'start.silent': 'no answer',
  'start.step.hub': 'Start the hub',
  'start.step.join': 'Join its mesh',
  'start.step.reach': 'See who can reach it',
  'start.steps': 'Steps',
  'start.title': 'Start a hub here',
  'start.trust': 'Join only if you know who sent it.',
} as const
