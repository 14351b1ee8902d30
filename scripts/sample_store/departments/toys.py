"""Toys: invented brands and products."""

from ..model import PLAYFUL, Department, brand, feature, kind, product

BRANDS = (
    brand("Puddlejump", 0.9, "Puddlejump asks a panel of forty children and believes them."),
    brand("Tockwood", 1.25, "Tockwood turns everything from local beech."),
    brand("Merrigo", 0.85, "Merrigo replaces lost pieces for free."),
    brand("Foxglove Games", 1.1, "Foxglove Games plays each design a hundred times before it is printed."),
)

BLOCKS = product(
    "blocks", "Building/Blocks & Kits", (14, 110), PLAYFUL,
    slots={"size": "40 pieces|60 pieces|100 pieces|150 pieces"},
    kinds=(
        kind("wood", "Wooden Blocks|Wooden Building Blocks", 1.0,
             "Arches, pillars and planks of sanded beech for towers that are meant to fall.",
             "The toy that has no instructions and never runs out of ideas.",
             purposes=("Wooden building bricks for small children.", "Building toys that train creativity and coordination.")),
        kind("magnet", "Magnetic Tiles|Magnetic Building Set", 1.3,
             "Clear colored tiles click together into castles, rockets and lamps.",
             "Magnets in every edge let even three-year-olds build tall.",
             purposes=("Magnetic construction toy for creative building.", "Children build houses and vehicles from magnetic pieces.")),
        kind("marble", "Marble Run|Ball Track Set", 1.2,
             "Ramps, loops and funnels send balls rattling down a course you invent.",
             "Half an afternoon to build, four seconds to run, and then again.",
             purposes=("A construction toy in which marbles roll down a track.", "Children build tracks and watch marbles run.")),
        kind("robot", "Robot Kit|Coding Robot", 1.6,
             "Put it together, then teach it to follow lines and dodge chairs by arranging picture blocks on a tablet.",
             "A first taste of programming for curious eight-year-olds, with wheels.",
             purposes=("Children build a robot and learn to code and program it.", "An educational robot that teaches programming to children."),
             slots={"size": "80 pieces|120 pieces|200 pieces"}),
    ),
    features=(
        feature("safe", "Toddler-Safe", "Edges are round and the paint is safe to chew.", "Nothing in the box is small enough to swallow.", kinds="wood magnet"),
        feature("stem", "STEM", "Children learn about forces and balance without noticing.", "Teachers use it to explain how machines work.", kinds="magnet marble robot"),
        feature("storage", "Boxed", "A cloth bag turns tidying up into part of the game.", "Everything goes back in a box with a handle."),
        feature("expand", "Expandable", "Fits all other sets in the series, so it grows with the child.", "Add a second box and the city doubles."),
    ),
    uses=("Keeps siblings of different ages busy together.", "Rainy days go by faster.", "Grandparents have been seen finishing the tower alone."),
    facts=("{size} in the set.", "Recommended from three years, robots from eight."),
    pairs="board_game plush",
)

BOARD_GAME = product(
    "board_game", "Games/Games & Puzzles", (10, 58), PLAYFUL,
    slots={"size": "2-4 players|2-5 players|3-6 players", "minutes": "20|30|45|60"},
    kinds=(
        kind("family", "Family Board Game|Dice Game", 1.0,
             "Learned in five minutes, argued about for years: {minutes} minutes of luck and small betrayals.",
             "Grandma, teenager and six-year-old all have a fair chance.",
             purposes=("A game for the whole family, children and adults.", "Family game night for all ages.")),
        kind("strategy", "Strategy Board Game|Trading Game", 1.6,
             "Build routes, hoard grain and watch your neighbors closely for {minutes} minutes.",
             "No dice, no excuses: every decision comes back to you.",
             purposes=("A demanding game for adults and experienced players.", "A tactical game for long evenings."),
             slots={"minutes": "60|90|120"}),
        kind("coop", "Cooperative Board Game|Mystery Game", 1.2,
             "You all win together or lose together, which does wonders for the mood.",
             "Solve a burglary as a team before the clock strikes twelve.",
             purposes=("A game in which all players work together as one team against the game.", "Nobody loses alone: family or friends solve the task together.")),
        kind("puzzle", "Jigsaw Puzzle|Panorama Puzzle", 0.7,
             "A harbor at dusk in a great many pieces, for long winter evenings.",
             "Spread it out on the dining table and eat in the kitchen for a week.",
             purposes=("A jigsaw puzzle for adults and patient children.", "A quiet pastime for winter evenings, alone or together."),
             slots={"size": "500 pieces|1,000 pieces|2,000 pieces"}),
        kind("card", "Card Game|Party Card Game", 0.5,
             "Quick rounds, loud laughter and small enough for a coat pocket.",
             "Brought along to a cabin, it is the only thing people remember.",
             purposes=("A quick and funny card game for parties and travel.", "A small game for friends and family.")),
    ),
    features=(
        feature("travel", "Travel-Size", "Magnetic pieces stay put on a train table.", "Packs down to the size of a sandwich.", kinds="family card strategy"),
        feature("nolang", "Language-Free", "There is no text, so guests from anywhere can join in.", "Pictures instead of words make it work in every language.", kinds="family coop card strategy"),
        feature("thick", "Premium", "Thick, linen-finish cardboard that lies flat.", "Pieces fit with a satisfying snap."),
        feature("poster", "Poster-Included", "A poster of the picture lies in the box.", "A full-size print helps when you are stuck.", kinds="puzzle"),
        feature("solo", "Solo-Mode", "A version for one lets you play when nobody else will.", "Works alone, too, with a clever deck as opponent.", kinds="strategy coop"),
    ),
    uses=("For evenings when nobody wants another film.", "A host present that gets opened at once.", "Takes minds off screens."),
    facts=("For {size}.", "Rules in six languages."),
    pairs="blocks plush",
)

PLUSH = product(
    "plush", "Soft Toys/Plush Animals", (9, 48), "brown|gray|cream|pink|blue|green",
    slots={"size": "20 cm|30 cm|45 cm", "animal": "bear|rabbit|fox|otter|elephant|sloth|hedgehog"},
    kinds=(
        kind("classic", "Plush Bear|Stuffed Rabbit|Cuddly Otter|Plush Elephant", 1.0,
             "Floppy arms, a serious face and fur that asks to be stroked.",
             "Someone to take along to kindergarten, to the dentist and to bed.",
             purposes=("A soft toy animal for children to cuddle.", "A stuffed animal that comforts children.")),
        kind("comfort", "Baby Comforter|Cuddle Cloth", 0.7,
             "Half blanket, half friend, light enough for newborn hands.",
             "A little square of comfort with knotted corners for teething.",
             purposes=("A soft comforter that helps babies calm down and sleep.", "A first cuddly toy for newborns.")),
        kind("heat", "Warming Plush|Microwavable Plush Animal", 1.1,
             "Filled with wheat and lavender; a minute in the microwave and it soothes tummy aches.",
             "A warm friend against cold beds and growing pains.",
             purposes=("A heatable stuffed animal that relieves stomach ache in children and warms them in bed.", "A warm cuddly toy that soothes belly pain.")),
        kind("giant", "Giant Plush Bear|Jumbo Stuffed Sloth", 2.0,
             "As big as a six-year-old and twice as patient.",
             "It takes up a whole armchair and makes a fine place to read.",
             purposes=("A huge stuffed animal to cuddle and lean on.", "A giant soft toy for children's rooms."),
             slots={"size": "90 cm|110 cm|140 cm"}),
    ),
    features=(
        feature("washable", "Washable", "Goes in the washing machine when jam has happened.", "Survives spin cycle and dryer, which parents check first."),
        feature("organic", "Organic-Cotton", "Outside and inside are organic cotton.", "Nothing but plant-dyed cotton touches the skin."),
        feature("safe", "Newborn-Safe", "Eyes are stitched, so nothing can come off.", "Suitable from the first day of life.", kinds="classic comfort"),
        feature("soft", "Extra-Soft", "Softer than it has any right to be.", "The pile is so dense that fingers vanish in it."),
    ),
    uses=("A birth present that outlives the wrapping.", "Comforts on the first night away from home.", "Every one has its own slightly crooked smile."),
    facts=("{size} tall.", "Filled with recycled fiber."),
    pairs="baby_monitor blocks",
)

DEPARTMENT = Department("Toys", "TOY", BRANDS, (BLOCKS, BOARD_GAME, PLUSH))
