"""Tools: invented brands and products."""

from ..model import Department, brand, feature, kind, product

BRANDS = (
    brand("Ironquay", 1.2, "Ironquay supplies boatyards and does not do pastel colors."),
    brand("Hammerfold", 1.0, "Hammerfold offers a three-year guarantee, even for trade use."),
    brand("Boltwick", 0.8, "Boltwick is for people who fix things on Saturdays."),
    brand("Gravenor", 1.3, "Gravenor regrinds and recalibrates its tools for life."),
)

DRILL = product(
    "drill", "Power Tools/Drills & Drivers", (38, 240), "black|red|green|yellow|blue",
    slots={"size": "12 V|18 V|20 V"},
    kinds=(
        kind("cordless", "Cordless Drill|Drill Driver", 1.0,
             "Holes in wood and metal, screws in everything, and no cable to trip over.",
             "Two batteries mean that one is always full."),
        kind("hammer", "Hammer Drill|Impact Drill", 1.3,
             "It pounds while it turns, so concrete walls give in.",
             "For shelves on stubborn masonry.",
             slots={"size": "600 W|750 W|900 W"}),
        kind("screwdriver", "Cordless Screwdriver|Electric Screwdriver", 0.5,
             "Flat-pack furniture goes together in half the time and without blisters.",
             "A pen-shaped driver for hinges, sockets and toys with too many screws.",
             slots={"size": "3.6 V|4 V"}),
        kind("sander", "Orbital Sander|Palm Sander", 0.8,
             "Strips old varnish off a table and leaves it smooth as an egg.",
             "Fits the hand and collects its own dust.",
             slots={"size": "200 W|280 W|350 W"}),
    ),
    features=(
        feature("brushless", "Brushless", "A brushless motor runs longer and cooler.", "Half again as many holes per charge.", kinds="cordless screwdriver"),
        feature("compact", "Compact", "Short enough to work inside a cupboard.", "Reaches corners where others do not fit."),
        feature("lowvib", "Low-Vibration", "Soft mounts keep hands from going numb.", "It shakes the wall rather than your wrist.", kinds="hammer sander"),
        feature("case", "Cased", "Comes in a hard case with room for accessories.", "Everything has its place in the case."),
        feature("light", "LED-Lit", "A lamp shows what you are doing under the sink.", "Lights up the spot before you start.", kinds="cordless screwdriver hammer"),
    ),
    uses=("Moving house is its finest hour.", "Strong enough for builders, easy enough for beginners.", "Pays for itself with the first shelf."),
    facts=("Rated {size}.", "Charger or cable included."),
    pairs="drill_bits toolbox",
)

DRILL_BITS = product(
    "drill_bits", "Accessories/Bits & Blades", (7, 58), "silver|black|gold",
    slots={"size": "15 pieces|29 pieces|60 pieces|100 pieces"},
    kinds=(
        kind("mixed", "Drill Bit Set|Mixed Bit Set", 1.0,
             "Wood, metal and stone in one tin, sorted by diameter.",
             "Whatever the wall turns out to be made of, there is a tip for it."),
        kind("masonry", "Masonry Bit Set|Concrete Drill Bits", 0.8,
             "Carbide tips bite into brick and tile without wandering.",
             "For dowels in concrete.",
             slots={"size": "5 pieces|8 pieces|12 pieces"}),
        kind("driver", "Screwdriver Bit Set|Driver Bits", 0.7,
             "Cross, star, hex and the odd ones that manufacturers use to keep you out.",
             "Magnetic tips hold a screw where fingers cannot reach."),
        kind("saw", "Hole Saw Set|Jigsaw Blades", 0.9,
             "Clean round openings for downlights, cables and cat flaps.",
             "Fine teeth for curves, coarse ones for speed.",
             slots={"size": "6 pieces|10 pieces|16 pieces"}),
    ),
    features=(
        feature("titanium", "Titanium-Coated", "A gold-colored coating keeps the edge six times longer.", "Runs cooler through steel."),
        feature("label", "Clearly-Marked", "Sizes are engraved large enough to read without glasses.", "Color rings show which is for what."),
        feature("box", "Boxed", "The case stands up and opens like a book.", "Each piece clicks into its slot, so you notice what is missing."),
        feature("grip", "Anti-Slip", "Three flats on the shank stop it from spinning in the chuck.", "No slipping when it matters.", kinds="mixed masonry driver"),
    ),
    uses=("The add-on everyone forgets to buy.", "Fits all common machines.", "A small present for big do-it-yourselfers."),
    facts=("{size} in the set.", "Hardened steel."),
    pairs="drill",
)

TOOLBOX = product(
    "toolbox", "Storage/Toolboxes & Hand Tools", (16, 150), "red|black|blue|gray|yellow",
    slots={"size": "40 cm|50 cm|60 cm"},
    kinds=(
        kind("set", "Household Tool Set|Home Tool Kit", 1.2,
             "Hammer, pliers, level, wrenches and a tape in one case: the answer to most things that wobble.",
             "Everything for a first apartment, from hanging a picture to stopping a drip.",
             slots={"size": "45 pieces|80 pieces|120 pieces"}),
        kind("box", "Toolbox|Steel Tool Chest", 0.8,
             "Trays fan out when you lift the lid, so that nothing hides at the bottom.",
             "Sturdy enough to stand on while you reach the lamp."),
        kind("bench", "Folding Workbench|Portable Workbench", 1.4,
             "A clamp, a table and a sawhorse that folds flat against the garage wall.",
             "Holds the plank still, so you need no third hand.",
             slots={"size": "60 cm|75 cm|90 cm"}),
        kind("measure", "Laser Measure|Laser Level", 0.9,
             "A red dot tells you how long the wall is, to the millimeter and without a helper.",
             "It throws a perfectly straight line across the room for tiles and picture frames.",
             slots={"size": "20 m|40 m|60 m"}),
    ),
    features=(
        feature("magnet", "Magnetic", "A magnet in the lid catches screws before they roll away.", "Loose nails stick where you put them.", kinds="box set bench"),
        feature("lifetime", "Lifetime-Guarantee", "If it breaks, it is replaced, no questions.", "Guaranteed for as long as you own it."),
        feature("grip", "Soft-Grip", "Rubber handles sit well in large and small hands.", "Comfortable to hold, also with gloves.", kinds="set measure"),
        feature("portable", "Easy-Carry", "Light enough to take along to a friend in need.", "A wide handle makes it comfortable to carry upstairs."),
    ),
    uses=("A moving-in present with a long life.", "For the drawer that everyone ends up searching.", "Landlords could learn from it."),
    facts=("Size or range: {size}.", "Checked piece by piece before packing."),
    pairs="drill drill_bits",
)

WORK_GLOVES = product(
    "work_gloves", "Safety/Gloves & Protection", (6, 45), "black|yellow|gray|orange|brown",
    slots={"size": "8|9|10|11"},
    kinds=(
        kind("leather", "Leather Work Gloves|Rigger Gloves", 1.2,
             "Thick cowhide for bricks, brambles and firewood.",
             "They start stiff and end up fitting nobody but you."),
        kind("grip", "Coated Work Gloves|Grip Gloves", 0.5,
             "A dipped palm holds wet pipes, and bare fabric on the back lets hands breathe.",
             "Thin enough to pick up a washer."),
        kind("garden", "Gardening Gloves|Rose Gloves", 0.7,
             "Long cuffs protect forearms from thorns.",
             "Dirt stays off your nails, feeling stays in your fingertips."),
        kind("goggles", "Safety Goggles|Ear Defenders", 0.8,
             "Because eyes and ears do not grow back.",
             "Seals out dust and chips, fits over spectacles.",
             slots={"size": "one size|adjustable"}),
    ),
    features=(
        feature("cut", "Cut-Resistant", "Steel fiber in the knit stops blades and sheet metal.", "Rated level D against cuts.", kinds="grip leather"),
        feature("warm", "Lined", "A fleece lining makes winter work bearable.", "Fingers stay warm on an icy building site.", kinds="leather grip"),
        feature("touch", "Touchscreen", "You can answer the phone without taking them off.", "Index finger and thumb work on a screen.", kinds="grip garden"),
        feature("clear", "Anti-Fog", "Coated on both sides, so nothing mists up.", "Works in damp cellars without clouding.", kinds="goggles"),
        feature("comfort", "All-Day", "Comfortable from the first hour to the eighth.", "You will forget to take them off at lunch."),
    ),
    uses=("Buy a spare pair, one always goes missing.", "For building sites, attics and hedges.", "Better than a drawer full of bandages."),
    facts=("Size {size}.", "Conforms to EN 388 or EN 166."),
    pairs="pruner toolbox",
)

DEPARTMENT = Department("Tools", "TOO", BRANDS, (DRILL, DRILL_BITS, TOOLBOX, WORK_GLOVES))
