"""The words of the demo set: every phrase make_demo.py composes, one a line.

`{p}` stands for the product or, where no product is named, for a general word; a phrase decides the
intent alone, so that a reader of the message always can.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Wording:
    """What customers say for one intent."""

    openings: tuple[str, ...]
    details: tuple[str, ...]
    asks: tuple[str, ...]
    general: tuple[str, ...]


def lines(block: str) -> tuple[str, ...]:
    """The non-empty lines of a block."""
    return tuple(line.strip() for line in block.splitlines() if line.strip())


PRODUCTS = {
    "bike": {
        "en": ("bike", "e-bike", "Glide", "ebike", "Glide bike", "electric bike"),
        "de": ("das Rad", "das E-Bike", "das Glide"),
        "es": ("la bici", "la bici eléctrica", "la Glide"),
        "fr": ("le vélo", "le vélo électrique", "le Glide"),
    },
    "lock": {
        "en": ("lock", "smart lock", "Latch", "door lock", "Latch lock"),
        "de": ("das Schloss", "das Türschloss", "das Latch"),
        "es": ("la cerradura", "la cerradura Latch"),
        "fr": ("la serrure", "la serrure Latch"),
    },
    "thermostat": {
        "en": ("thermostat", "Ember", "Ember thermostat", "heating control", "smart thermostat"),
        "de": ("das Thermostat", "das Ember", "das Ember-Thermostat"),
        "es": ("el termostato", "el termostato Ember"),
        "fr": ("le thermostat", "le thermostat Ember"),
    },
    "doorbell": {
        "en": ("doorbell", "Peek", "doorbell camera", "video doorbell", "Peek doorbell"),
        "de": ("die Türklingel", "die Klingelkamera", "die Peek"),
        "es": ("el timbre", "el timbre con cámara", "el Peek"),
        "fr": ("la sonnette", "la sonnette vidéo", "la Peek"),
    },
    "lamp": {
        "en": ("lamp", "Lumen", "light", "smart lamp", "Lumen lamp"),
        "de": ("die Lampe", "die Lumen", "die Leuchte"),
        "es": ("la lámpara", "la Lumen"),
        "fr": ("la lampe", "la Lumen"),
    },
}

_PARCEL = ("my order", "the parcel", "my parcel", "the package", "the whole order", "my delivery")
_DEVICE = ("the device", "my device", "the thing", "the unit", "your gadget")

WORDINGS = {
    "delivery": Wording(
        lines("""
            Where is {p}?
            Any news on {p}? It should have been here by now
            {p} still hasn't arrived
            When will {p} get here?
            I'm still waiting for {p} to be delivered
            The tracking for {p} hasn't moved in a week
            Can you tell me when {p} will be delivered
            The courier says {p} was delivered but nothing came
            {p} was meant to come on Tuesday
            Has {p} been shipped yet?
            There's no sign of {p} so far
            Just checking how far {p} has got, the delivery window has passed
            The delivery date for {p} keeps slipping
            You wrote that {p} is on its way, that was ten days ago
            What's the delivery status of {p}?
            I took a day off to receive {p} and no driver showed up
            Could someone find out where {p} is stuck
            Shipping of {p} is taking forever
            Did the van lose {p}? It never reached me
            Tracking link for {p} is dead
            """),
        lines("""
            The tracking page only says "label created".
            It has been sitting in a depot since Monday.
            The driver left no card.
            The neighbours haven't seen a box either.
            I paid extra for express shipping.
            The link in the mail leads to an empty page.
            Three days was the promise.
            According to the courier it is in another city.
            I ordered two weeks ago.
            The map shows the van driving straight past my street.
            The carrier's hotline just hangs up on me.
            Somebody signed for it, and it wasn't me.
            """),
        lines("""
            When can I expect it?
            Please send a tracking link that works.
            A date would be enough.
            Can you chase the courier?
            Do I have to be at home?
            Is it coming this week at all?
            Let me know which day.
            Which carrier has it?
            """),
        _PARCEL,
    ),
    "cancel": Wording(
        lines("""
            Please cancel {p}
            I want to cancel {p} before it ships
            I've changed my mind, please don't send {p}
            Cancel {p}, I found it cheaper elsewhere
            I ordered {p} by mistake, can you stop it
            Stop {p} please, I no longer want it
            How do I cancel {p}?
            I'd like to call off {p}
            Can {p} still be cancelled?
            There's no cancel button, I need {p} cancelled
            Sorry, I have to withdraw the purchase of {p}
            My kid ordered {p} on my phone, cancel that please
            I bought {p} twice by accident, cancel one of the two
            Don't ship {p}, I don't need it any more
            Kindly annul {p}
            Is it too late to cancel {p}?
            Take {p} out of the system, I'm cancelling
            I won't be needing {p} after all, cancel
            """),
        lines("""
            I only placed it an hour ago.
            It hasn't left the warehouse according to the site.
            My partner had already bought one.
            Money is tight this month.
            The waiting time is too long for me.
            The page says "processing".
            I picked the wrong colour and will order again.
            We are moving abroad.
            The wrong size slipped into the basket.
            It was meant as a present and the plan has changed.
            """),
        lines("""
            Confirm the cancellation please.
            Please stop it before it goes out.
            Can you do that today?
            Tell me when that's done.
            I don't want to have to send it back later.
            Nothing has been packed I hope.
            Reply with a short confirmation.
            """),
        ("my order", "the order", "my last order", "yesterday's order", "the order from this morning"),
    ),
    "address": Wording(
        lines("""
            I need to change the delivery address for {p}
            Please send {p} to a different address
            I've moved, can {p} go to my new flat
            Wrong street on {p}, please correct the address
            Can {p} be sent to my office instead
            I typed the wrong postcode for {p}
            The house number on {p} is wrong
            New address for {p} please
            Could you redirect {p} to my sister's place
            We move on Friday, {p} should go to the new house
            Please update the shipping address of {p}
            Deliver {p} to a pick-up point instead of my home
            The address you have for {p} is my old one
            Is it possible to reroute {p}?
            {p} is going to an address I left years ago
            Autofill put my old address on {p}
            Please swap billing and shipping address for {p}, I mixed them up
            """),
        lines("""
            It's 14 Mill Lane now.
            The new one is Harbour Street 7, second floor.
            The postcode should end in 4, not 9.
            My old landlord would just keep the box.
            The rest of the address stays as it is.
            The office is open from eight to six.
            I forgot the flat number, it's 3B.
            Nobody lives at the old place any more.
            The street is right, the town isn't.
            The shop on the corner takes parcels for me.
            """),
        lines("""
            Can you still change that?
            Please confirm the new address.
            I can't edit it on the site myself.
            Will that delay things?
            Hope it's not too late.
            Does the courier need anything from me?
            Just write back that it's updated.
            """),
        _PARCEL,
    ),
    "return": Wording(
        lines("""
            I want to return {p}
            How do I send {p} back?
            I'd like to give {p} back, it isn't what I expected
            Please send me a return label for {p}
            {p} doesn't fit, I want to return it
            I'm not happy with {p} and want my money back for the return
            Can I still return {p} after three weeks?
            {p} is going back, what do I have to do
            Where do I post {p} for a return?
            I'd like to exchange {p} for another colour
            Wrong colour of {p} arrived, I'd like to send it back
            The return form for {p} doesn't load
            I opened {p} once, is a return still fine
            I need to arrange a return pickup for {p}
            {p} is too big for us, we're sending it back
            Return request for {p}
            My mother doesn't want {p}, can we bring it back
            """),
        lines("""
            It's unused and still in the box.
            I have the original packaging.
            The tags are still on.
            I tried it twice and it's not for me.
            The printer at home is broken, so a QR code would be better.
            The thirty days aren't over yet.
            It was a present.
            I thought it would be smaller.
            The colour looks different from the photos.
            The box is too heavy to carry to the post office.
            """),
        lines("""
            What are the next steps?
            Who pays the postage?
            Please send the label by mail.
            Can a courier pick it up?
            How long does the refund take after that?
            Do I need the carton?
            Which address does it go to?
            """),
        ("my order", "my purchase", "everything I bought", "half of my order", "the stuff I bought"),
    ),
    "damage": Wording(
        lines("""
            {p} arrived damaged
            {p} came with a big crack in it
            The box was crushed and {p} is dented
            Just unpacked {p} and it's broken
            {p} was delivered with scratches all over
            I opened the package and {p} is in pieces
            {p} got smashed in transit
            {p} reached me with a bent frame
            Courier dropped {p}, the casing is split
            There is a hole in the carton and {p} is scratched
            Delivered today: {p}, with a broken corner
            Out of the box {p} has a shattered cover
            {p} was wet when it arrived, the cardboard was soaked
            Looks like somebody kicked {p} on the way here, it's dented
            Transport damage on {p}
            The glass of {p} was broken on arrival
            """),
        lines("""
            I took photos before touching anything.
            The packaging was torn on one side.
            The foam inside was missing.
            The driver saw it too.
            It can't be used like this.
            The side panel hangs loose.
            There's glass dust in the bag.
            It must have happened on the way.
            The seal was already open.
            I refused to sign for it.
            """),
        lines("""
            I'd like a replacement.
            Please send a new one.
            What should I do with the broken one?
            Do you need pictures?
            Who reports this to the courier?
            Can I get an undamaged one quickly?
            Tell me how to claim this.
            """),
        ("my order", "the delivery", "what I ordered", "everything in the parcel", "the content"),
    ),
    "parts": Wording(
        lines("""
            {p} came without the charger
            The screws for {p} are missing
            There's no manual in the box of {p}
            Part of {p} is missing
            {p} arrived incomplete
            I can't find the mounting plate for {p}
            The power supply of {p} wasn't in the box
            You forgot the cable for {p}
            Only one of two keys came with {p}
            The bag with the small parts for {p} was empty
            The wall bracket for {p} is not there
            {p} should include two batteries, I got one
            Unpacked {p}, the adapter is missing
            The packing list for {p} says four bolts, there are three
            No plug was included with {p}
            A piece is lacking from {p}, the back cover
            """),
        lines("""
            I checked the carton twice.
            The slot in the foam is empty.
            It is on the list but not in the box.
            Without it I can't put anything together.
            The rest looks fine.
            The bag was sealed, so it never went in.
            Our local shop doesn't have that size.
            Page two of the leaflet shows it.
            It's the part with number 7 on the drawing.
            """),
        lines("""
            Please send the missing piece.
            Can you post it separately?
            How soon can I get the part?
            I only need that one piece.
            Where can I order it?
            Please complete the delivery.
            I don't want to return everything for this.
            """),
        ("my order", "the set", "my parcel", "the kit", "the delivery"),
    ),
    "billing": Wording(
        lines("""
            I was charged twice for {p}
            You took the money for {p} two times
            The amount you charged for {p} is wrong
            My card shows a second payment for {p}
            I never got the discount on {p}, you billed the full price
            I was billed for {p} though the payment had failed
            Refund for {p} hasn't reached my account
            You charged me more for {p} than the shop showed
            There's a payment for {p} that I never made
            Double debit for {p} on my bank statement
            I paid for {p} with a voucher and was charged anyway
            You still owe me the refund for {p}
            You debited shipping for {p} although it was free
            Wrong sum taken off my credit card for {p}
            Paypal shows {p} paid twice
            Why did you collect 40 more than agreed for {p}?
            """),
        lines("""
            Both payments are from the same minute.
            It's 129 too much.
            My bank says the mistake is on your side.
            The voucher was accepted at checkout.
            The screenshot shows the lower price.
            The statement lists it on the 3rd and on the 4th.
            I only pressed the button once.
            The return was booked weeks ago.
            My account is now overdrawn.
            The coupon code was SPRING.
            """),
        lines("""
            Please refund the difference.
            I want my money back.
            Put that right please.
            When will I see the refund?
            Please check your books.
            Do I have to go through the bank?
            Kindly reverse one of the payments.
            """),
        ("my order", "one order", "a single order", "my last purchase", "the same order"),
    ),
    "invoice": Wording(
        lines("""
            I need an invoice for {p}
            Could you send me the receipt for {p}
            Please mail me a copy of the invoice for {p}
            I lost the bill for {p}
            Can I get the invoice of {p} with my company name
            Where can I download the receipt for {p}?
            My accountant wants the invoice for {p}
            The pdf invoice for {p} won't open
            For the warranty I need proof of purchase of {p}
            The invoice for {p} lacks the VAT number
            No invoice came with {p}
            Please issue a bill with tax for {p}
            Requesting a duplicate receipt for {p}
            My insurance asks for the bill of {p}
            Can the invoice for {p} be made out to my firm
            Just need the paperwork for {p}, the receipt
            """),
        lines("""
            It's for my tax return.
            The mail with it must have gone to spam.
            My employer pays half of it.
            The file is damaged.
            I bought it last autumn.
            A pdf is fine.
            The VAT has to be shown separately.
            The name of the firm is Holt and Sons.
            I deleted the mail by accident.
            They don't accept a bank statement.
            """),
        lines("""
            Please send it by mail.
            A link is enough.
            Can I find it in my account somewhere?
            One copy would do.
            Whenever you have time.
            By the end of the month would be great.
            In English please.
            """),
        ("my order", "my last order", "my purchase", "last year's order", "all my orders"),
    ),
    "setup": Wording(
        lines("""
            How do I set up {p}?
            I can't pair {p} with my phone
            Need help installing {p}
            {p} won't connect to wifi during setup
            How do I mount {p}?
            The app doesn't find {p} when I add it
            Which wire goes where on {p}?
            I'm stuck on step 3 of the setup of {p}
            Can you walk me through installing {p}
            How do I link {p} to voice control?
            What is the pairing code of {p}?
            I'd like to know how to assemble {p}
            First start of {p}: the instructions make no sense to me
            How can I configure {p} for two people?
            Setting up {p} fails at the bluetooth step
            I have a new router, how do I reconnect {p}
            Please explain how to put {p} together
            Is there a video on how to install {p}?
            """),
        lines("""
            The app only shows a spinning wheel.
            I've followed the booklet line by line.
            My phone is an older Android.
            The blue light blinks three times.
            The drawing doesn't match what I have here.
            I'm not good with technology.
            The qr code is too small to scan.
            Our wifi is on both bands.
            I have all the tools.
            Bluetooth is on.
            The old one had only two wires.
            """),
        lines("""
            What am I doing wrong?
            Is there a guide?
            Can someone call me and go through it?
            Which step did I miss?
            A short video would help.
            Do I need an electrician?
            Please explain it simply.
            """),
        ("my new device", "the device", "it all", "your system", "the whole thing"),
    ),
    "fault": Wording(
        lines("""
            {p} stopped working
            {p} worked for a month and now it's dead
            {p} keeps switching itself off
            {p} makes a loud grinding noise since yesterday
            {p} won't turn on any more
            {p} freezes every few hours
            Since the last update {p} is useless
            The battery of {p} is empty after ten minutes
            {p} shows error E4
            {p} loses its connection all the time lately
            Something is wrong with {p}, it reacts late or not at all
            {p} broke down after a year of use
            The display of {p} went black last night
            I think {p} has a fault, it restarts on its own
            {p} doesn't charge any longer
            The buttons on {p} have stopped responding
            {p} is acting up again, it used to run fine
            {p} died on me
            """),
        lines("""
            It was fine until last week.
            I have already restarted it.
            A factory reset didn't change anything.
            It happens mostly in the evening.
            New batteries made no difference.
            It's still under warranty.
            The firmware is up to date.
            I've had it for eight months.
            The red light stays on.
            It has never been dropped.
            Cold weather makes it worse.
            """),
        lines("""
            Can it be repaired?
            Is this covered by the warranty?
            What can I try?
            Please help me get it running again.
            Do you know this problem?
            I need a repair.
            Where can I take it?
            """),
        _DEVICE,
    ),
    "access": Wording(
        lines("""
            I can't log in to my account, I only want to see {p}
            I'm locked out of the app and can't control {p}
            My password is not accepted, so no access to {p}
            {p} won't let me in, my code is refused
            The reset mail never comes and I can't get into the app for {p}
            I forgot my pin for {p} and I am shut out
            My account is blocked, I can't reach {p}
            Two-factor code never arrives, can't sign in for {p}
            We're locked out, {p} doesn't accept any code
            Login fails, I have lost access to {p}
            The app signed me out and won't take my password, {p} is unreachable
            I lost my phone and with it the access to {p}
            Somebody changed my password, I can't open {p}
            It says user unknown when I sign in to manage {p}
            Standing outside and can't get in, {p} rejects my pin
            My login for {p} was disabled
            """),
        lines("""
            I tried four times.
            The screen says "too many attempts".
            My old mail address doesn't exist any longer.
            Nothing in the spam folder either.
            The kids are inside.
            It worked this morning.
            The backup code is wrong as well.
            I use the same password as always.
            The new phone has the same number.
            My wife can't sign in either.
            """),
        lines("""
            Please unlock it.
            How do I get back in?
            Can you reset it from your side?
            Send me a new code please.
            Please restore my access.
            I need to get in today.
            What do you need to verify me?
            """),
        ("my account", "my devices", "my orders", "my data", "my profile"),
    ),
    "question": Wording(
        lines("""
            Does {p} work with an iPhone?
            I'm thinking of buying {p}, is it waterproof
            How long is the warranty on {p}?
            Before I buy {p}: does it need a subscription
            What colours does {p} come in?
            Is {p} back in stock soon?
            How heavy is {p}?
            Does {p} run without internet?
            Which batteries does {p} take?
            Is there a student discount on {p}?
            Do you sell {p} in Norway as well?
            Can two people use {p} at once, I'm considering it
            What's the difference between the old and the new version of {p}?
            How much power does {p} use in a year?
            Is {p} made in Europe?
            I'm comparing brands, what makes {p} better
            Will there be a sale on {p} soon?
            Would {p} suit a rented flat?
            """),
        lines("""
            I couldn't find it on the website.
            My current one is from another brand.
            We live near the sea.
            I rent, so no drilling.
            It would be for my parents.
            A friend recommended you.
            I'm in no hurry.
            The shop assistant didn't know.
            I read two different things online.
            It has to survive the winter.
            """),
        lines("""
            Thanks for any information.
            Just curious.
            Do you have a data sheet?
            Which model would you recommend?
            Then I'd order this week.
            I look forward to your answer.
            Is there a shop where I can see it?
            """),
        ("your gear", "a gift card", "your starter kit", "the newest model", "your app"),
    ),
}

GREETINGS = lines("""
    Hi,
    Hello,
    Hey,
    Good morning,
    Dear Nordwick team,
    Hi there,
    Hello support,
    Good afternoon,
    Evening all,
    Hiya,
    """)
MOODS = lines("""
    I'm really disappointed.
    This is urgent!!!
    ASAP please.
    I've been a customer for years.
    No rush.
    Honestly, I expected better.
    I love your products otherwise.
    I'm losing patience.
    Sorry to bother you.
    Not the end of the world.
    I'm quite upset.
    Sorry if this is the wrong address.
    This is ridiculous.
    Hope you can help.
    My friends warned me about you.
    """)
SIGN_OFFS = lines("""
    Thanks
    Thanks in advance, Marta
    Best regards, J. Okafor
    Cheers
    Thx
    Kind regards, Lena
    Many thanks, Tom
    Regards
    Ta, Rob
    Yours sincerely, P. Lindqvist
    Bye
    Sent from my phone
    Greetings from Leeds
    Take care, Ines
    """)
SAFETY = lines("""
    It smells of burning.
    There were sparks.
    Smoke came out of it.
    I got an electric shock.
    The battery is swollen and hot.
    I cut my hand on it.
    It caught fire for a second.
    It gets so hot that the plastic melts.
    The wires are bare and live.
    My daughter was hurt.
    It nearly burned the carpet.
    """)
REPEAT = lines("""
    This is the third time I write.
    I already wrote last week and nobody answered.
    My second message about this.
    I've called twice already.
    Still no reply to my earlier mail.
    I have been asking since Monday without an answer.
    You never got back to me.
    As I said in my last two mails.
    Writing again because nobody replied.
    """)
FOLLOW_UPS = lines("""
    Sorry, one more thing:
    Thanks. Another question:
    Ok, noted. Also:
    And something else.
    Great, thank you. By the way,
    Right. Second topic:
    While I have you:
    """)

ORDER_SENTENCES = {
    "en": ("Order {o}.", "My order number is {o}.", "Order number: {o}", "Ref {o}.", "It's order {o}.",
           "(order {o})", "The order is {o}.", "Order no. {o}"),
    "de": ("Bestellung {o}.", "Bestellnummer {o}.", "Die Nummer ist {o}."),
    "es": ("Pedido {o}.", "Número de pedido {o}.", "El pedido es {o}."),
    "fr": ("Commande {o}.", "Numéro de commande {o}.", "La commande est {o}."),
}  # fmt: skip

DEVICE_ABROAD = {
    "de": ("das Gerät", "mein Gerät", "alles"),
    "es": ("el aparato", "mi aparato", "todo"),
    "fr": ("l'appareil", "mon appareil", "tout"),
}
PARCEL_ABROAD = {
    "de": ("meine Bestellung", "das Paket", "alles"),
    "es": ("mi pedido", "el paquete", "todo"),
    "fr": ("ma commande", "le colis", "tout"),
}
GREETINGS_ABROAD = {
    "de": ("Hallo,", "Guten Tag,", "Servus,", "Liebes Team,"),
    "es": ("Hola,", "Buenos días,", "Buenas,", "Estimado equipo:"),
    "fr": ("Bonjour,", "Bonsoir,", "Salut,", "Madame, Monsieur,"),
}
ENDINGS_ABROAD = {
    "de": ("Danke", "Viele Grüße, Jörg", "Bitte um Antwort.", "Ich freue mich über Hilfe.", "Schöne Grüße"),
    "es": ("Gracias", "Un saludo, Íñigo", "Espero su respuesta.", "¿Me ayudan?", "Muchas gracias"),
    "fr": ("Merci", "Cordialement, Zoé", "Merci de répondre.", "Pouvez-vous m'aider ?", "À bientôt"),
}
SAFETY_ABROAD = {
    "de": ("Es riecht verbrannt.", "Da kam Rauch heraus.", "Ich habe einen Stromschlag bekommen."),
    "es": ("Huele a quemado.", "Salió humo.", "Me dio una descarga eléctrica."),
    "fr": ("Ça sent le brûlé.", "De la fumée est sortie.", "J'ai pris une décharge électrique."),
}
REPEAT_ABROAD = {
    "de": ("Ich schreibe schon zum dritten Mal.", "Auf meine letzte Mail kam keine Antwort."),
    "es": ("Es la tercera vez que escribo.", "Nadie contestó a mi último correo."),
    "fr": ("C'est la troisième fois que j'écris.", "Personne n'a répondu à mon dernier message."),
}

ABROAD = {
    "delivery": {
        "de": lines("""
            Wo bleibt {p}?
            Wann wird {p} endlich geliefert?
            Die Sendungsverfolgung zeigt nichts an, ich warte auf {p}
            """),
        "es": lines("""
            ¿Cuándo llega {p}?
            Sigo esperando {p}, no ha llegado
            El seguimiento no se mueve, ¿dónde está {p}?
            """),
        "fr": lines("""
            Où est {p} ? La livraison a du retard
            Quand vais-je recevoir {p} ?
            Le suivi ne bouge plus, j'attends {p}
            """),
    },
    "cancel": {
        "de": lines("""
            Bitte stornieren: {p}
            Ich möchte {p} stornieren, noch vor dem Versand
            Storno bitte, ich brauche {p} nicht mehr
            """),
        "es": lines("""
            Quiero cancelar {p} antes del envío
            Cancelen por favor, ya no quiero {p}
            ¿Todavía puedo anular {p}?
            """),
        "fr": lines("""
            Je veux annuler, n'envoyez pas {p}
            Merci d'annuler {p} avant l'expédition
            Puis-je encore annuler {p} ?
            """),
    },
    "address": {
        "de": lines("""
            Bitte {p} an eine andere Adresse schicken
            Ich bin umgezogen, {p} soll an die neue Anschrift gehen
            Die Lieferadresse ist falsch, es geht um {p}
            """),
        "es": lines("""
            Me he mudado, envíen {p} a la nueva dirección
            La dirección de entrega está mal, se trata de esto: {p}
            Quiero cambiar la dirección para recibir {p}
            """),
        "fr": lines("""
            J'ai déménagé, envoyez {p} à ma nouvelle adresse
            L'adresse de livraison est fausse pour {p}
            Je voudrais changer l'adresse et recevoir {p} au bureau
            """),
    },
    "return": {
        "de": lines("""
            Ich möchte {p} zurückgeben
            Wie schicke ich {p} zurück?
            Brauche ein Rücksendeetikett, {p} gefällt mir nicht
            """),
        "es": lines("""
            Quiero devolver {p}
            ¿Cómo devuelvo {p}? No me gusta
            Necesito una etiqueta de devolución, devuelvo {p}
            """),
        "fr": lines("""
            Je souhaite renvoyer {p}
            Comment retourner {p} ? Ça ne me plaît pas
            Il me faut une étiquette de retour pour {p}
            """),
    },
    "damage": {
        "de": lines("""
            {p} kam beschädigt an
            Beim Auspacken war {p} zerbrochen
            Transportschaden: {p} hat einen Riss
            """),
        "es": lines("""
            {p} llegó con golpes y una grieta
            Al abrir la caja vi que {p} venía con daños
            El transporte rompió {p}, la caja estaba aplastada
            """),
        "fr": lines("""
            {p} est arrivé avec une fissure
            Le carton était écrasé et {p} a des rayures
            En ouvrant le colis j'ai trouvé {p} en morceaux
            """),
    },
    "parts": {
        "de": lines("""
            Es fehlt ein Teil: {p} kam ohne Ladegerät
            Die Schrauben fehlen, so kann ich {p} nicht montieren
            {p} ist unvollständig, das Netzteil fehlt
            """),
        "es": lines("""
            Falta el cargador, {p} vino sin nada
            Faltan los tornillos para montar {p}
            {p} llegó sin el manual ni el cable
            """),
        "fr": lines("""
            Il manque le chargeur, {p} est arrivé sans
            Les vis manquent, impossible de monter {p}
            Une pièce manque dans la boîte, j'ai acheté {p}
            """),
    },
    "billing": {
        "de": lines("""
            Sie haben {p} zweimal abgebucht
            Falscher Betrag abgebucht, ich habe nur {p} gekauft
            Die Erstattung fehlt noch, ich hatte {p} bezahlt
            """),
        "es": lines("""
            Me cobraron dos veces {p}
            El importe cobrado es incorrecto, solo compré {p}
            Aún no tengo el reembolso, pagué {p} el mes pasado
            """),
        "fr": lines("""
            Vous avez débité deux fois {p}
            Le montant prélevé est faux, j'ai payé {p} trop cher
            Je n'ai toujours pas le remboursement, j'avais payé {p}
            """),
    },
    "invoice": {
        "de": lines("""
            Ich brauche eine Rechnung für {p}
            Bitte die Rechnung noch einmal senden, für {p}
            Wo finde ich den Beleg für {p}?
            """),
        "es": lines("""
            Necesito la factura, compré {p}
            ¿Me envían una copia de la factura? Compré {p}
            He perdido el recibo, se trata de esto: {p}
            """),
        "fr": lines("""
            Il me faut une facture pour {p}
            J'ai perdu le reçu, pourriez-vous renvoyer la facture pour {p}
            Où télécharger la facture pour {p} ?
            """),
    },
    "setup": {
        "de": lines("""
            Wie richte ich {p} ein?
            Die App findet {p} beim Einrichten nicht
            Brauche Hilfe bei der Installation: {p} verbindet sich nicht mit dem WLAN
            """),
        "es": lines("""
            ¿Cómo instalo {p}?
            No consigo emparejar {p} y el móvil
            Necesito ayuda para configurar {p} por primera vez
            """),
        "fr": lines("""
            Comment installer {p} ?
            Je n'arrive pas à configurer {p} avec le wifi
            L'application ne trouve pas {p} pendant l'installation
            """),
    },
    "fault": {
        "de": lines("""
            {p} funktioniert nicht mehr
            {p} schaltet sich ständig ab
            Seit dem Update ist {p} kaputt
            """),
        "es": lines("""
            {p} ya no funciona
            {p} se apaga todo el tiempo
            Desde ayer {p} hace un ruido raro
            """),
        "fr": lines("""
            {p} ne marche plus
            {p} s'éteint sans arrêt
            Depuis hier {p} fait un bruit bizarre
            """),
    },
    "access": {
        "de": lines("""
            Ich komme nicht mehr in mein Konto und kann {p} nicht steuern
            Mein Passwort wird nicht angenommen, {p} lässt mich nicht rein
            Ausgesperrt! Der Code geht nicht, {p} bleibt gesperrt
            """),
        "es": lines("""
            No puedo entrar en mi cuenta para ver {p}
            La contraseña no vale, {p} no me deja entrar
            Mi usuario está bloqueado y no puedo controlar {p}
            """),
        "fr": lines("""
            Je ne peux plus me connecter pour gérer {p}
            Mon mot de passe est refusé, {p} reste bloqué
            Mon compte est bloqué, plus d'accès pour {p}
            """),
    },
    "question": {
        "de": lines("""
            Wie lange ist die Garantie, falls ich {p} kaufe?
            Gibt es {p} auch in Schwarz?
            Vor dem Kauf: braucht {p} Internet?
            """),
        "es": lines("""
            ¿Funciona {p} sin internet? Pienso comprar
            ¿Cuánto pesa {p}?
            ¿Qué colores hay? Me interesa {p}
            """),
        "fr": lines("""
            Quelle est la garantie si j'achète {p} ?
            Avant d'acheter : {p} marche sans internet ?
            Combien pèse {p} ?
            """),
    },
}
