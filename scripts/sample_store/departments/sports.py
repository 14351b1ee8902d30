"""Sports: invented brands and products."""

from ..model import BRIGHT, Department, brand, feature, kind, product

BRANDS = (
    brand("Stridell", 1.15, "Stridell sponsors no one and spends the money on materials."),
    brand("Corepeak", 1.0, "Corepeak began in a physiotherapy practice."),
    brand("Rapidane", 0.85, "Rapidane wants sport to cost less than the membership."),
    brand("Velomoor", 1.2, "Velomoor rides to work, all twelve of them."),
)

YOGA_MAT = product(
    "yoga_mat", "Fitness/Mats", (14, 95), "purple|teal|gray|black|terracotta|sage green",
    slots={"size": "4 mm|6 mm|10 mm"},
    kinds=(
        kind("studio", "Yoga Mat|Studio Yoga Mat", 1.0,
             "Palms stay where you plant them in downward dog, even when the room gets hot.",
             "{size} of firm cushion: steady for balance poses and still kind to knees."),
        kind("travel", "Travel Yoga Mat|Folding Yoga Mat", 0.9,
             "Thin enough to fold into a carry-on, for sun salutations in hotel rooms.",
             "Weighs under a kilo and unrolls flat at once.",
             slots={"size": "1.5 mm|2 mm"}),
        kind("thick", "Exercise Mat|Pilates Mat", 0.8,
             "Extra padding for floor work, crunches and tender spines.",
             "Your hips will not find the floor through it.",
             slots={"size": "10 mm|12 mm|15 mm"}),
        kind("cork", "Cork Yoga Mat|Natural Rubber Mat", 1.5,
             "Cork on top, tree rubber below: it grips better the more you sweat.",
             "No plastic, no smell, just bark and sap."),
    ),
    features=(
        feature("grip", "Nonslip", "The surface grips damp hands and feet.", "No sliding, no bunching, no surprises."),
        feature("eco", "Natural", "Biodegradable when its day is done.", "Made without PVC or solvents.", kinds="studio cork travel"),
        feature("lines", "Alignment-Line", "Faint lines help you place hands and feet.", "Marks show beginners where to stand.", kinds="studio cork"),
        feature("strap", "Strap-Included", "A carrying strap doubles as a stretching aid.", "Rolls up under a strap for the bike ride to class."),
    ),
    uses=("For beginners who would like to touch their toes someday.", "Unroll it at home and no one watches.", "Physical therapists recommend this thickness."),
    facts=("Thickness {size}.", "183 cm long."),
    pairs="dumbbell water_bottle",
)

WATER_BOTTLE = product(
    "water_bottle", "Hydration/Water Bottles", (9, 38), BRIGHT,
    slots={"size": "500 ml|650 ml|750 ml|1 l"},
    kinds=(
        kind("sport", "Sports Bottle|Squeeze Bottle", 0.7,
             "Squeeze, gulp, carry on: the valve opens with your teeth and closes by itself.",
             "Fits a bike cage and a runner's fist."),
        kind("steel", "Steel Water Bottle|Reusable Water Bottle", 1.1,
             "A single bottle that ends the daily purchase of plastic ones.",
             "Cold from the tap in the morning and cold on the way home."),
        kind("filter", "Filter Bottle|Purifier Bottle", 1.5,
             "Fill it from a stream and drink: a hollow-fiber cartridge removes bacteria.",
             "Clean drinking water wherever the tap cannot be trusted."),
        kind("kids", "Kids' Water Bottle|Straw Bottle", 0.8,
             "A flip-up straw and a leak-tight lid survive the inside of a school bag.",
             "Printed with whales, dinosaurs or space, and tough enough for the playground.",
             slots={"size": "350 ml|400 ml|500 ml"}),
        kind("big", "Gallon Water Jug|Motivational Water Bottle", 0.9,
             "Marks on the side nudge you to sip every hour until the whole two liters are gone.",
             "For people who notice at bedtime that they forgot to drink all day.",
             slots={"size": "1.5 l|2 l|3.8 l"}),
    ),
    features=(
        feature("leak", "Leakproof", "Throw it in a bag; the lid does not let go.", "Sealed tight, whatever way up it rides."),
        feature("cold", "Ice-Cold", "Ice cubes from breakfast still rattle in the evening.", "Insulated, so the last sip is as cold as the first.", kinds="steel kids big"),
        feature("light", "Lightweight", "Hardly weighs anything when empty.", "You will not feel it on a long run.", kinds="sport filter kids"),
        feature("wash", "Dishwasher-Safe", "Wide opening, simple parts, dishwasher safe.", "Nothing to grow mold in: it comes apart completely."),
        feature("infuser", "Fruit-Infuser", "A basket holds lemon and mint.", "Add berries to the insert and plain water gets interesting.", kinds="steel big"),
    ),
    uses=("On hot days nobody should leave home without one.", "Refill stations are everywhere now.", "For school, the gym and the ridge."),
    facts=("Holds {size}.", "Free of BPA."),
    pairs="yoga_mat backpack",
)

DUMBBELL = product(
    "dumbbell", "Fitness/Weights & Bands", (12, 190), "black|gray|red|teal|purple",
    slots={"size": "2 x 2 kg|2 x 4 kg|2 x 6 kg|2 x 10 kg"},
    kinds=(
        kind("fixed", "Dumbbell Pair|Hex Dumbbells", 0.7,
             "Rubber-coated weights that do not roll away or scar the floor.",
             "A pair to keep beside the couch: ten minutes a day add up."),
        kind("adjust", "Adjustable Dumbbells|Quick-Change Dumbbells", 2.0,
             "Turn the dial and one handle replaces a whole rack.",
             "From warm-up to serious in three seconds, in the space of a shoebox.",
             slots={"size": "2 x 12 kg|2 x 20 kg|2 x 24 kg"}),
        kind("band", "Resistance Bands|Exercise Bands", 0.35,
             "Five strengths of stretchy rubber and a door anchor: a gym that weighs nothing.",
             "Rehab after an injury or strength training on the road, with nothing to lift.",
             slots={"size": "set of 3|set of 5"}),
        kind("kettlebell", "Kettlebell|Cast Kettlebell", 0.7,
             "Swing it, press it, carry it: one lump of iron for the whole body.",
             "A wide handle with room for both hands.",
             slots={"size": "6 kg|8 kg|12 kg|16 kg"}),
    ),
    features=(
        feature("grip", "Knurled-Grip", "Fine knurling keeps it in sweaty hands.", "The handle is shaped to fill your palm.", kinds="fixed adjust kettlebell"),
        feature("quiet", "Floor-Friendly", "A soft coating spares floorboards and downstairs neighbors.", "You can set it down at midnight without waking the house.", kinds="fixed adjust kettlebell"),
        feature("guide", "Coached", "A poster with thirty exercises gets you started.", "Includes an eight-week plan for beginners."),
        feature("store", "Compact", "Everything fits under the bed.", "Takes less room than a pair of boots."),
    ),
    uses=("Build muscle without leaving home.", "A fair start for people over sixty, too.", "No membership, no mirrors, no waiting."),
    facts=("Weight or contents: {size}.", "Covered by a five-year guarantee."),
    pairs="yoga_mat",
)

BIKE_LIGHT = product(
    "bike_light", "Cycling/Bike Lights & Helmets", (16, 130), "black|white|yellow|blue|red",
    slots={"size": "S/M|M/L"},
    kinds=(
        kind("lights", "Bike Light Set|Bicycle Lights", 0.6,
             "Front and rear, bright enough to be seen from half a kilometer and to see the pothole first.",
             "Clip on without tools and come off before thieves notice.",
             slots={"size": "30 lux|60 lux|100 lux"}),
        kind("helmet", "Bike Helmet|City Bike Helmet", 1.1,
             "Light foam and a dial at the back that fits it to your skull in a second.",
             "Protection you can wear to work without looking like an insect."),
        kind("kids", "Kids' Bike Helmet|Toddler Helmet", 0.7,
             "Covers the back of small heads and closes with a magnet that does not pinch.",
             "Fun colors on the outside, serious foam within.",
             slots={"size": "46-50 cm|50-54 cm"}),
        kind("lock", "Bike Lock|Folding Bike Lock", 1.0,
             "Hardened links that make a thief look for an easier bicycle.",
             "Unfolds to a meter of steel and packs down into a bracket on the frame.",
             slots={"size": "85 cm|100 cm|120 cm"}),
    ),
    features=(
        feature("mips", "Rotation-Safe", "A slip layer softens blows that come at an angle.", "The liner shifts in a fall and spares the brain.", kinds="helmet kids"),
        feature("usb", "USB-Charging", "Charges at your desk while you work.", "A battery warning comes a full hour before it goes dark.", kinds="lights"),
        feature("vent", "Well-Vented", "Fourteen openings keep the head cool uphill.", "Air flows through, so hair does not end up soaked.", kinds="helmet kids"),
        feature("tough", "Weatherproof", "Winter salt and summer storms leave it unimpressed.", "Sealed against rain and road grit.", kinds="lights lock"),
        feature("keys", "Three-Key", "Three keys come with it, and a code to order more.", "A numbered key card makes losing one less of a drama.", kinds="lock"),
        feature("visible", "High-Visibility", "A built-in rear glow makes you stand out in traffic.", "Reflects from every side at night.", kinds="helmet kids lights"),
    ),
    uses=("For everyday riders, in every season.", "Meets the standard and then some.", "Parents and commuters buy it twice."),
    facts=("Size or output: {size}.", "Certified for road use."),
    pairs="rain_jacket water_bottle",
)

DEPARTMENT = Department("Sports", "SPO", BRANDS, (YOGA_MAT, WATER_BOTTLE, DUMBBELL, BIKE_LIGHT))
