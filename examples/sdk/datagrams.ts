// Datagrams over the mesh: one program answers them, another sends some. The other end may as well be a tunnel of udp/echo.
//
//     node examples/sdk/datagrams.ts host
//     node examples/sdk/datagrams.ts send one two
import { createContext, openDatagrams } from 'ztm/sdk'

const [role = 'send', ...words] = process.argv.slice(2)
const ztm = createContext()
if (role === 'host') {
  const listener = await ztm.listen('udp/echo')
  console.log('hosting udp/echo')
  listener.onConnection(async connection => {
    const datagrams = openDatagrams(connection.on('error', () => {}))
    for await (const payload of datagrams) datagrams.send(payload)
    datagrams.close()
  })
} else {
  const datagrams = openDatagrams((await ztm.dial('udp/echo')).on('error', console.error))
  for (const word of words) {
    datagrams.send(new TextEncoder().encode(word))
    console.log(new TextDecoder().decode(await datagrams.recv()))
  }
  datagrams.close()
  await ztm.close()
}
