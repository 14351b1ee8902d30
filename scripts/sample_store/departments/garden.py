"""Garden: invented brands and products."""

from ..model import Department, brand, feature, kind, product

BRANDS = (
    brand("Thornwell", 1.1, "Thornwell forges and sharpens in the same shed it started in."),
    brand("Greenhallow", 0.95, "Greenhallow tests everything on its own vegetable plot."),
    brand("Rootmere", 0.85, "Rootmere keeps gardening affordable for allotment holders."),
    brand("Petalworth", 1.25, "Petalworth glazes in small batches, so no two look quite the same."),
)

PLANTER = product(
    "planter", "Growing/Pots & Planters", (12, 120), "terracotta|white|anthracite|sage green|blue glaze",
    slots={"size": "18 cm|25 cm|32 cm|40 cm"},
    kinds=(
        kind("pot", "Ceramic Plant Pot|Terracotta Pot", 0.6,
             "Glazed inside and out, with a hole and a saucer, for ferns and fiddle-leaf figs alike.",
             "Clay that breathes keeps roots from rotting when you water too kindly.",
             purposes=("A pot for houseplants indoors and outdoors.", "Flower pot for living room, balcony and terrace.")),
        kind("raised", "Raised Garden Bed|Elevated Planter", 2.0,
             "Grow lettuce at hip height, where neither your back nor the slugs object.",
             "A waist-high box on legs for herbs and salad on a balcony.",
             purposes=("A raised bed for growing vegetables, salad and herbs without bending or back pain.", "Comfortable vegetable gardening at standing height."),
             slots={"size": "80 x 40 cm|100 x 50 cm|120 x 60 cm"}),
        kind("hanging", "Hanging Planter|Hanging Basket", 0.6,
             "Lets trailing plants tumble from the ceiling when the windowsill is full.",
             "Cotton rope and a light bowl for a corner with good light and no floor.",
             purposes=("A hanging pot for houseplants in small rooms.", "Displays trailing plants in the air.")),
        kind("window", "Window Box|Railing Planter", 0.9,
             "Hooks over the balcony rail, no drilling, and holds geraniums in a storm.",
             "A long trough for herbs within reach of the stove.",
             purposes=("A long plant box for balconies and windowsills.", "For flowers and herbs on the balcony."),
             slots={"size": "50 cm|60 cm|80 cm"}),
    ),
    features=(
        feature("selfwater", "Self-Watering", "A reservoir in the base keeps plants alive for two weeks while you are away.", "A wick draws up water as needed, which forgives forgetful owners."),
        feature("frost", "Frostproof", "It can stay outside through hard frost without cracking.", "Winters down to minus twenty do not split it.", kinds="pot raised window"),
        feature("light", "Lightweight", "Looks like stone and weighs like cork.", "Easy to move when the sun does."),
        feature("drain", "Free-Draining", "Extra holes and a raised floor stop roots from drowning.", "Surplus water runs off into a hidden tray."),
    ),
    uses=("Even people who kill cactuses have had success.", "Brightens a bare balcony in an afternoon.", "Looks good empty, better full."),
    facts=("Size {size}.", "Plants not included."),
    pairs="hose pruner",
)

HOSE = product(
    "hose", "Watering/Hoses & Sprinklers", (14, 110), "green|black|gray|orange",
    slots={"size": "10 m|15 m|20 m|30 m"},
    kinds=(
        kind("hose", "Garden Hose|Kink-Free Hose", 0.8,
             "Braided walls refuse to fold at corners, so the water keeps coming.",
             "{size} of tough, drinking-water-safe tube that coils without a fight.",
             purposes=("A hose for watering the garden and washing the car.", "Waters lawn and flower beds.")),
        kind("expand", "Expandable Hose|Stretch Hose", 0.9,
             "Grows to three times its length under pressure and shrinks to a handful afterwards.",
             "As light as a scarf; store it in a bucket.",
             purposes=("A light extendable hose that is easy to carry and store.", "Waters balcony and garden and takes little space.")),
        kind("sprinkler", "Lawn Sprinkler|Oscillating Sprinkler", 0.6,
             "Gentle rain for the grass in a pattern you set with two sliders.",
             "Children run through it, the lawn gets greener.",
             purposes=("Waters the lawn evenly.", "Automatic watering for lawns and flower beds."),
             slots={"size": "120 m2|180 m2|250 m2"}),
        kind("drip", "Drip Irrigation Kit|Automatic Watering Kit", 1.2,
             "A timer and thin tubes bring a few drops to each pot while you are on holiday.",
             "Tomatoes drink at six every morning whether you are up or not.",
             purposes=("Waters plants and vegetables automatically while you are away on vacation.", "Automatic irrigation for balcony plants, tomatoes and greenhouses."),
             slots={"size": "15 plants|25 plants|40 plants"}),
    ),
    features=(
        feature("timer", "Timed", "Program it once in spring and forget about it until fall.", "Start time and duration are set with one dial.", kinds="sprinkler drip"),
        feature("nozzle", "Eight-Pattern", "The spray gun goes from mist to jet in eight steps.", "Rinse boots with the jet, seedlings with the mist.", kinds="hose expand"),
        feature("save", "Water-Saving", "It uses half the water of a can and puts it where roots are.", "Less evaporation, smaller bill.", kinds="sprinkler drip"),
        feature("tough", "All-Weather", "Sun and frost do not make it brittle.", "Ten summers in the sun will not crack it."),
    ),
    uses=("For dry Julys and long borders.", "Connects to every common tap.", "Ends the evening round with the can."),
    facts=("Reaches or covers {size}.", "Brass fittings."),
    pairs="planter",
)

PRUNER = product(
    "pruner", "Hand Tools/Garden Hand Tools", (11, 65), "red|green|black|orange|ash wood",
    slots={"size": "18 cm|20 cm|22 cm"},
    kinds=(
        kind("secateurs", "Pruning Shears|Secateurs", 1.0,
             "Cuts a rose stem as cleanly as a surgeon, and heals faster for it.",
             "Curved blades slip into dense shrubs and come out with the dead branch.",
             purposes=("Garden scissors for cutting roses, shrubs and small branches.", "For pruning flowers, bushes and fruit trees.")),
        kind("lopper", "Loppers|Telescopic Loppers", 1.5,
             "Long handles give the leverage for branches as thick as a thumb, two if you lean in.",
             "Reach into the apple tree without a ladder.",
             purposes=("Long-handled shears for thick and high branches of trees.", "Cuts high tree branches from the ground."),
             slots={"size": "60 cm|75 cm|90 cm"}),
        kind("trowel", "Hand Trowel|Planting Trowel Set", 0.6,
             "Scoops, digs and measures depth for bulbs.",
             "A pointed steel blade that goes through clay like cake.",
             purposes=("A small garden shovel for planting flowers and seedlings.", "For planting, digging and potting."),
             slots={"size": "28 cm|31 cm|33 cm"}),
        kind("weeder", "Weeding Fork|Dandelion Weeder", 0.7,
             "Pulls taproots whole, which is the only way to win against dandelions.",
             "Step, tilt, lift: no kneeling and no poison.",
             purposes=("Removes weeds with their roots while you stand upright.", "A tool for pulling weeds from lawns and paths."),
             slots={"size": "30 cm|90 cm|100 cm"}),
    ),
    features=(
        feature("ergo", "Easy-Grip", "Cork handles spare arthritic hands.", "A ratchet cuts in stages, so weak wrists manage thick wood.", kinds="secateurs lopper"),
        feature("rust", "Rustproof", "Forget it in the rain; it will not rust.", "Stainless steel wipes clean and stays bright.", kinds="trowel weeder secateurs"),
        feature("sharp", "Razor-Edge", "The blade can be resharpened and replaced.", "It goes through green wood as if it were butter.", kinds="secateurs lopper"),
        feature("wood", "Ash-Handled", "The ash handle feels warm and gets smoother with age.", "Oiled wood instead of plastic.", kinds="trowel weeder"),
    ),
    uses=("A retirement gift for people with big plans.", "Keeps hedges polite.", "Hangs on a nail by the back door."),
    facts=("Length {size}.", "Comes with a leather loop."),
    pairs="planter work_gloves",
)

DEPARTMENT = Department("Garden", "GAR", BRANDS, (PLANTER, HOSE, PRUNER))
