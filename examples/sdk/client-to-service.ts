// A client and a service, each a program of its own: `host` waits for connections and answers, `dial` asks.
//
//     node client-to-service.ts host
//     node client-to-service.ts dial world
//
// Both read where the controller is and how to log in from the environment: ZTM_CONTROLLER_URL, ZTM_MESH or ZTM_CA,
// HANZO_API_KEY. The identity of `host` needs a Bind policy for the service, that of `dial` a Dial policy.
import { text } from 'node:stream/consumers'
import { createContext } from 'ztm/sdk'

const [role, word = 'world'] = process.argv.slice(2)
const service = process.env.SERVICE ?? 'greeter'

if (role === 'host') {
  const ztm = createContext({ mode: 'host' })
  const listener = await ztm.listen(service)
  console.log(`hosting ${service}`)
  for await (const connection of listener) {
    connection.on('error', error => console.error(error.message))
    text(connection).then(name => connection.end(`hello ${name} from ${service}`), console.error)
  }
} else {
  const ztm = createContext({ mode: 'dial' })
  const connection = await ztm.dial(service)
  connection.end(word)
  console.log(await text(connection))
  await ztm.close()
}
