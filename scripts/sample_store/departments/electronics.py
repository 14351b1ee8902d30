"""Electronics: invented brands and products."""

from ..model import Department, brand, feature, kind, product

BRANDS = (
    brand("Auralyte", 1.2, "Auralyte publishes its measurements, good and bad."),
    brand("Voltwick", 0.85, "Voltwick leaves out what you do not need and passes on the difference."),
    brand("Kestrion", 1.3, "Kestrion gives five years of updates and spare batteries."),
    brand("Pixmoor", 0.95, "Pixmoor builds modest electronics with unusually good manuals."),
    brand("Dynelle", 1.0, "Dynelle uses screws instead of glue, so it can be repaired."),
)

HEADPHONES = product(
    "headphones", "Audio/Headphones", (25, 290), "black|white|navy|silver|rose",
    slots={"hours": "24|30|40|50"},
    kinds=(
        kind("over", "Over-Ear Headphones|Studio Headphones", 1.2,
             "Deep cushions close around the ear and leave you alone with the music for {hours} hours on a charge.",
             "Big, soft and detailed, for listening to whole albums from a chair."),
        kind("buds", "Wireless Earbuds|True Wireless Earphones", 0.8,
             "Two tiny buds in a case the size of a matchbox, ready the second you put them in.",
             "They stay in while you dance, and the case refills them three times."),
        kind("sport", "Sport Headphones|Bone-Conduction Headphones", 0.9,
             "Your ears stay open so you hear the traffic while you jog.",
             "A band behind the head that does not slip in a sprint and shrugs off sweat."),
        kind("kids", "Kids' Headphones|Children's Headphones", 0.35,
             "The volume stops at 85 decibels, so young ears come to no harm.",
             "Bendy, padded and sized for small heads on long car rides."),
    ),
    features=(
        feature("anc", "Noise-Canceling", "Engines, chatter and crying babies fade away at the flick of a switch.", "Microphones listen to the world and cancel it, so an open-plan office goes still.", kinds="over buds"),
        feature("mic", "Clear-Call", "Four microphones pick out your voice on a windy street.", "Calls sound as if you were in the room.", kinds="over buds sport"),
        feature("waterproof", "Sweatproof", "Rated for rain and hard workouts.", "Rinse them under the tap after a run.", kinds="buds sport"),
        feature("comfort", "Feather-Fit", "You forget that you are wearing them, even with glasses.", "Light pressure and breathable pads make eight hours easy.", kinds="over sport kids"),
        feature("fold", "Foldable", "They fold flat into a hard case for travel.", "Hinges tuck the cups inside the band.", kinds="over kids"),
        feature("bass", "Deep-Bass", "The low end is felt more than heard.", "Drums thump without drowning the singer.", kinds="over buds"),
    ),
    uses=("For flights, libraries and loud roommates.", "Pairs with a phone and a computer at the same time.", "Podcast listeners get through the housework with them."),
    facts=("Plays {hours} hours per charge.", "Charges fully in ninety minutes."),
    pairs="power_bank speaker",
)

SPEAKER = product(
    "speaker", "Audio/Speakers", (22, 260), "black|blue|gray|red|olive",
    slots={"size": "5 W|10 W|20 W", "hours": "ten|fourteen|twenty"},
    kinds=(
        kind("portable", "Bluetooth Speaker|Portable Speaker", 0.7,
             "A can-sized music box that clips to a bag and plays {hours} hours at the lake.",
             "Loud enough for a picnic, tough enough for the ride there."),
        kind("bookshelf", "Bookshelf Speakers|Stereo Speaker Pair", 1.6,
             "A pair of wooden cabinets that turns a record player and a chair into a concert.",
             "Wide, honest stereo for living rooms, with no app to install.",
             slots={"size": "30 W|50 W|80 W"}),
        kind("soundbar", "Soundbar|TV Soundbar", 1.3,
             "Films finally sound as big as they look, and you can follow the dialogue without subtitles.",
             "A single bar under the television that makes mumbled speech clear.",
             slots={"size": "40 W|80 W|120 W"}),
        kind("radio", "Kitchen Radio|Digital Radio", 0.7,
             "Six stations on six buttons, a clock, and a knob to turn: news with breakfast.",
             "Sits on the windowsill and keeps you company while you peel potatoes."),
    ),
    features=(
        feature("waterproof", "Waterproof", "It floats, so dropping it in the pool is part of the party.", "Shower, rain and spilled drinks do it no harm.", kinds="portable"),
        feature("bass", "Rich-Bass", "A second membrane gives bass you would not expect from the size.", "Low notes have body even at midnight volume."),
        feature("link", "Multi-Room", "Link two of them for stereo or spread the music through the house.", "Play the same song in every room.", kinds="portable soundbar bookshelf"),
        feature("voice", "Voice-Boost", "One button lifts voices above explosions.", "Speech mode helps people who are hard of hearing.", kinds="soundbar radio"),
        feature("simple", "Easy-Use", "Large buttons and one dial, which grandparents appreciate.", "There is nothing to set up: plug in and listen.", kinds="radio bookshelf"),
    ),
    uses=("Birthday parties have run on less.", "Fills an average room without distortion.", "Looks good enough to leave on the shelf."),
    facts=("Output {size}.", "Accepts Bluetooth and a plain headphone cable."),
    pairs="headphones power_bank",
)

POWER_BANK = product(
    "power_bank", "Power/Chargers & Power Banks", (12, 95), "black|white|blue|mint",
    slots={"size": "5,000 mAh|10,000 mAh|20,000 mAh"},
    kinds=(
        kind("slim", "Slim Power Bank|Pocket Power Bank", 0.7,
             "Thin as a phone and just enough to bring one back from the dead.",
             "Spare juice for evenings when your screen shows one percent and you still need the ticket."),
        kind("large", "High-Capacity Power Bank|Laptop Power Bank", 1.5,
             "It refills a phone five times, or a laptop once, far from any wall socket.",
             "A long weekend without electricity is no problem with {size} in the bag.",
             slots={"size": "20,000 mAh|25,000 mAh|27,000 mAh"}),
        kind("solar", "Solar Charger|Solar Power Bank", 1.1,
             "Unfold the panels on top of your pack and the sun does the rest.",
             "Daylight turns into phone calls, slowly but for free."),
        kind("wall", "USB-C Wall Charger|Fast Charger", 0.6,
             "One small plug with three ports replaces the tangle of adapters under the desk.",
             "Half a phone battery in twenty minutes, because you forgot again last night.",
             slots={"size": "30 W|65 W|100 W"}),
    ),
    features=(
        feature("fast", "Quick-Charge", "It delivers power as fast as your device will take it.", "Ten minutes on the lead buy you three hours of talk."),
        feature("wireless", "Magnetic", "It snaps onto the back of the phone and charges without a lead.", "No cable: a magnet holds it in place while you keep typing.", kinds="slim"),
        feature("cool", "Cool-Running", "New chips keep it cool even at full power.", "It gets no warmer than your hand.", kinds="wall large"),
        feature("rugged", "Rugged", "Rubber corners survive a drop onto rock.", "Dust and splashes stay out.", kinds="large solar"),
        feature("flight", "Flight-Friendly", "It stays under the airline limit, so it can come in hand luggage.", "Cabin crews have no objection to its size.", kinds="slim large"),
        feature("display", "Digital-Display", "Numbers show exactly how much is left.", "No guessing from four dots: it counts down percent by percent.", kinds="slim large solar"),
    ),
    uses=("For long-haul travelers and people who play games on the bus.", "Lives in the bottom of the bag until the day it saves you.", "Festival-goers share one among friends."),
    facts=("A braided lead comes with it.", "Protected against overheating and short circuits."),
    pairs="headphones backpack",
)

KEYBOARD = product(
    "keyboard", "Computers/Keyboards & Mice", (18, 150), "black|white|gray|lavender",
    slots={"size": "full size|tenkeyless|compact"},
    kinds=(
        kind("mechanical", "Mechanical Keyboard|Gaming Keyboard", 1.4,
             "Each key has its own switch with a crisp click, and lights in any color you like.",
             "It registers every press in the heat of the match."),
        kind("quiet", "Wireless Keyboard|Low-Profile Keyboard", 0.8,
             "Flat, soft keys that do not announce every word to the room.",
             "Switches among laptop, tablet and phone at the press of a button."),
        kind("ergo", "Ergonomic Keyboard|Split Keyboard", 1.3,
             "Split down the middle and tented, so wrists lie straight and shoulders open.",
             "Aching forearms were the reason it was designed this way."),
        kind("mouse", "Wireless Mouse|Vertical Mouse", 0.5,
             "Held like a handshake, it takes the twist out of your forearm.",
             "A small pointer that works on glass, denim and airplane tables.",
             slots={"size": "small|medium|large"}),
    ),
    features=(
        feature("silent", "Silent", "You can type in a meeting or beside a sleeping child.", "Dampened strokes make it almost inaudible.", kinds="quiet ergo mouse"),
        feature("battery", "Long-Life", "One charge lasts for months.", "You will forget that it has a battery at all.", kinds="quiet ergo mouse"),
        feature("rest", "Wrist-Rest", "A cushioned rest supports the heel of the hand.", "The padded rest comes off when you want the space.", kinds="mechanical ergo"),
        feature("spill", "Spill-Resistant", "Coffee drains out through the bottom instead of ending the day.", "It survives a knocked-over glass.", kinds="mechanical quiet ergo"),
        feature("backlit", "Backlit", "Lit keys let you work with the lights out.", "The legends glow just enough to find them in the dark.", kinds="mechanical quiet"),
    ),
    uses=("Home office days get easier.", "For people who write for a living.", "Works with every common system, no driver needed."),
    facts=("Size: {size}.", "Reaches ten meters."),
    pairs="office_chair lamp",
)

DEPARTMENT = Department("Electronics", "ELE", BRANDS, (HEADPHONES, SPEAKER, POWER_BANK, KEYBOARD))
